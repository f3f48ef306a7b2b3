"""What the demo is made of: parts that are started in order and ended in reverse."""

from observer.demo.parts.part import Part, Sight, Stage

__all__ = ["Part", "Sight", "Stage"]
