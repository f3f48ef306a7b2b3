"""Work on a schedule: each tick runs once, is made up for when it was missed, and shows when it fails."""
