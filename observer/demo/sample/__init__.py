"""MealSync's data, made up inside the server, without the indexes its service would need."""

from observer.demo.sample.loader import SampleSize, load_sample

__all__ = ["SampleSize", "load_sample"]
