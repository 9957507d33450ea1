"""Voices side by side: what they sound like as numbers, as pictures, and on a page. No network but in `engine`."""
