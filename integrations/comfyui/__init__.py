"""impasto in ComfyUI: neural style transfer on the CPU, for pictures and steady videos."""

from .nodes import comfy_entrypoint

__all__ = ["comfy_entrypoint"]
