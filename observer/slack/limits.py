"""What Slack accepts, as constants.

Sources: the block reference and method pages of docs.slack.dev, slack_sdk's models, and for the size of a
whole message, which no page documents, bolt-js #2509 and #2867.
"""

from __future__ import annotations

SECTION_TEXT = 3_000
SECTION_FIELDS = 10
SECTION_FIELD_TEXT = 2_000
HEADER_TEXT = 150
CONTEXT_ELEMENTS = 10
CONTEXT_TEXT = 2_000
ACTIONS_ELEMENTS = 25
BUTTON_TEXT = 75
BUTTON_VALUE = 2_000
BUTTON_URL = 3_000
BLOCK_ID = 255
ACTION_ID = 255
BLOCKS = 50
ATTACHMENTS = 100
TEXT = 40_000
TEXT_ADVISED = 4_000
MESSAGE_REFUSED = 13_200
"""Characters of all blocks as JSON above which Slack was seen to answer msg_blocks_too_long."""

MESSAGE = 10_000
"""Characters of a whole message as JSON that Observer never goes over."""

METADATA = 16_000

POSTS_A_SECOND = 1.0
"""chat.postMessage, per channel; short bursts pass."""

UPDATES_A_SECOND = 50 / 60
"""chat.update is of tier 3: 50 a minute and workspace."""

UPDATE_BURST = 10.0
HISTORY_PAGE = 100
