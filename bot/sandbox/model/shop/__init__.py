"""The scripted model's default script: a shop assistant over the tools of the product catalogue."""

from .assistant import shop_assistant

__all__ = ["shop_assistant"]
