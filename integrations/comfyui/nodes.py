"""The nodes of impasto, by the V3 schema of ComfyUI."""

import re
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import folder_paths
import torch
from comfy.model_management import throw_exception_if_processing_interrupted
from comfy_api.latest import ComfyAPISync, ComfyExtension, io
from PIL import Image

from impasto import list_styles
from impasto.choices import MODES
from impasto.hub import parse_reference
from impasto.inference.color import Color
from impasto.inference.settings import parse_settings
from impasto.models.default_network import AUTO, CLIP_ORDER, PICTURE_ORDER, resolve_network
from impasto.models.mix import Mix, find_mix
from impasto.models.network import NetworkChoice
from impasto.models.style import SUFFIX
from impasto.progress import Progress
from impasto.stylizer import Stylizer

from .batches import Float32, paint_batch, recolor_batch, to_bytes

CATEGORY = "impasto"
StyleType = io.Custom("IMPASTO_STYLE")
FOLDER = Path(folder_paths.models_dir) / "impasto"  # of style files that users add or learn
LEARNED_COLOR = "as learned"
NETWORKS = ("base", "small", "large")
STYLE_SLOTS = 4  # of the node that mixes
PREVIEW_SECONDS = 15.0


@cache
def load_stylizer(network: str | Path) -> Stylizer:
    """Load a network once for all nodes."""
    return Stylizer(network)


def show_progress(done: float, count: float, preview: Image.Image | None = None) -> None:
    """Move the bar of the node that runs, and stop where the user has pressed Cancel."""
    throw_exception_if_processing_interrupted()
    ComfyAPISync().execution.set_progress(done, count, preview_image=preview)


def to_array(batch: torch.Tensor) -> Float32:
    """Convert a batch of pictures or masks to float32."""
    array: Float32 = batch.detach().to("cpu", torch.float32).numpy()
    return array


def style_files() -> list[str]:
    """List the style files in the folder of models."""
    return sorted(path.name for path in FOLDER.glob(f"*{SUFFIX}"))


class Paint(io.ComfyNode):
    """Paints pictures, or the frames of a video."""

    @classmethod
    def define_schema(cls) -> io.Schema:
        """Describe the node."""
        return io.Schema(
            node_id="ImpastoPaint",
            display_name="Paint (impasto)",
            category=CATEGORY,
            description="Paint pictures or the frames of a video in a style, on the CPU.",
            search_aliases=["style transfer", "neural style", "stylize"],
            inputs=[
                io.Image.Input("image"),
                io.Combo.Input("style_name", options=list_styles(), default="starry-night"),
                io.Float.Input("strength", default=1.0, min=0.0, max=1.0, step=0.05),
                io.Float.Input(
                    "stroke",
                    default=1.0,
                    min=0.25,
                    max=16.0,
                    step=0.25,
                    tooltip="Size of the strokes. 2 suits pictures of 720 rows and more.",
                ),
                io.Combo.Input(
                    "color",
                    options=[LEARNED_COLOR, *MODES],
                    default=LEARNED_COLOR,
                    tooltip="All but style and as learned keep the colors of the picture.",
                ),
                io.Combo.Input(
                    "network",
                    options=[AUTO, *NETWORKS],
                    default=AUTO,
                    tooltip="small is the fastest; large is nearer to the style, and slower.",
                ),
                io.Boolean.Input(
                    "video",
                    default=True,
                    tooltip="Several pictures are the frames of a video, and are painted alike, so"
                    " that it does not flicker. Off: each is painted by itself.",
                ),
                StyleType.Input(
                    "style", optional=True, tooltip="This style takes the place of style_name."
                ),
                io.Mask.Input(
                    "mask",
                    optional=True,
                    tooltip="Paint where it is white; one, or one for each picture.",
                ),
            ],
            outputs=[io.Image.Output()],
        )

    @classmethod
    def execute(
        cls,
        image: torch.Tensor,
        style_name: str,
        strength: float,
        stroke: float,
        color: str,
        network: str,
        video: bool,
        style: Mix | None = None,
        mask: torch.Tensor | None = None,
    ) -> io.NodeOutput:
        """Paint a batch."""
        mode = None if color == LEARNED_COLOR else color
        settings = parse_settings(style or style_name, strength, stroke, mode)
        order = CLIP_ORDER if video and len(image) > 1 else PICTURE_ORDER
        painted = paint_batch(
            to_array(image),
            settings,
            load_stylizer(resolve_network(network, settings.mixes, order)),
            None if mask is None else to_array(mask),
            video,
            show_progress,
        )
        return io.NodeOutput(torch.from_numpy(painted))


class StyleFromPicture(io.ComfyNode):
    """Makes a style of any picture, at once."""

    @classmethod
    def define_schema(cls) -> io.Schema:
        """Describe the node."""
        return io.Schema(
            node_id="ImpastoStyleFromPicture",
            display_name="Style from Picture (impasto)",
            category=CATEGORY,
            description="Make a style of any picture, at once. Learn Style gives a better one.",
            inputs=[
                io.Image.Input("image", tooltip="Of several pictures, an even mix is made."),
            ],
            outputs=[StyleType.Output(display_name="style")],
        )

    @classmethod
    def execute(cls, image: torch.Tensor) -> io.NodeOutput:
        """Make a style of each picture, and mix them."""
        pictures = [to_bytes(picture) for picture in to_array(image)]
        return io.NodeOutput(find_mix([(picture, 1.0) for picture in pictures]))


class LoadStyle(io.ComfyNode):
    """Loads a style of the gallery, from a file, or from the Hugging Face Hub."""

    @classmethod
    def define_schema(cls) -> io.Schema:
        """Describe the node."""
        return io.Schema(
            node_id="ImpastoLoadStyle",
            display_name="Load Style (impasto)",
            category=CATEGORY,
            description="Load a style of the gallery, or a style file from models/impasto.",
            inputs=[
                io.Combo.Input("name", options=[*list_styles(), *style_files()]),
                io.String.Input(
                    "hub",
                    default="",
                    optional=True,
                    tooltip="A style on the Hugging Face Hub in place of name:"
                    " hf:user/repo/style. It is downloaded. Needs pip install huggingface_hub.",
                ),
            ],
            outputs=[StyleType.Output(display_name="style")],
        )

    @classmethod
    def execute(cls, name: str, hub: str = "") -> io.NodeOutput:
        """Load the style."""
        if hub := hub.strip():
            return io.NodeOutput(find_mix(str(parse_reference(hub))))
        source = FOLDER / name if name in style_files() else name
        return io.NodeOutput(find_mix([(source, 1.0)]))

    @classmethod
    def fingerprint_inputs(cls, name: str, hub: str = "") -> Any:
        """Tell whether a file has changed."""
        path = FOLDER / name
        return (name, hub, path.stat().st_mtime_ns if path.is_file() else None)


class MixStyles(io.ComfyNode):
    """Mixes styles by weights."""

    @classmethod
    def define_schema(cls) -> io.Schema:
        """Describe the node."""
        inputs: list[io.Input] = []
        for number in range(1, STYLE_SLOTS + 1):
            optional = number > 2
            inputs.append(StyleType.Input(f"style_{number}", optional=optional))
            inputs.append(
                io.Float.Input(
                    f"weight_{number}", default=1.0, min=0.0, step=0.05, optional=optional
                )
            )
        return io.Schema(
            node_id="ImpastoMixStyles",
            display_name="Mix Styles (impasto)",
            category=CATEGORY,
            description="Mix styles. Weights need not sum to 1. Mixes can be mixed again.",
            inputs=inputs,
            outputs=[StyleType.Output(display_name="style")],
        )

    @classmethod
    def execute(cls, **slots: Any) -> io.NodeOutput:
        """Mix the styles, each of which may be a mix."""
        pairs = []
        for number in range(1, STYLE_SLOTS + 1):
            mix, weight = slots.get(f"style_{number}"), slots.get(f"weight_{number}", 1.0)
            pairs += [(style, weight * share) for style, share in (mix.parts if mix else ())]
        return io.NodeOutput(find_mix(pairs))


class LearnStyle(io.ComfyNode):
    """Learns a style from a picture, for some minutes."""

    @classmethod
    def define_schema(cls) -> io.Schema:
        """Describe the node."""
        return io.Schema(
            node_id="ImpastoLearnStyle",
            display_name="Learn Style (impasto)",
            category=CATEGORY,
            description="Learn a style from a picture: better than Style from Picture. The style is"
            " saved in models/impasto, where Load Style finds it.",
            inputs=[
                io.Image.Input("image"),
                io.String.Input("name", default="my-style"),
                io.Float.Input("minutes", default=5.0, min=0.05, max=240.0, step=0.5),
                io.Combo.Input("network", options=[*NETWORKS, "all"], default="base"),
                io.Int.Input("seed", default=0, min=0, max=2**31 - 1),
            ],
            outputs=[StyleType.Output(display_name="style")],
        )

    @classmethod
    def execute(
        cls, image: torch.Tensor, name: str, minutes: float, network: NetworkChoice, seed: int
    ) -> io.NodeOutput:
        """Learn the style, and show how far it is."""
        from impasto.learning.training.style import train_style

        target = free_path(name)
        # A run that is cancelled leaves nothing. ComfyUI runs nodes without gradients.
        with TemporaryDirectory() as folder, torch.inference_mode(False), torch.enable_grad():
            output = Path(folder) / target.name
            preview = output.with_name(f"{target.stem}.preview.jpg")

            def report(progress: Progress) -> None:
                picture = Image.open(preview) if preview.is_file() else None
                show_progress(progress.fraction, 1.0, picture)

            style = train_style(
                to_bytes(to_array(image)[0]),
                minutes=minutes,
                network=network,
                seed=seed,
                threads=torch.get_num_threads(),
                output=output,
                preview_every=PREVIEW_SECONDS,
                on_progress=report,
            )
        style.save(target)
        return io.NodeOutput(find_mix(style))


def free_path(name: str) -> Path:
    """Choose a file for a style in the folder of models, which no style has yet."""
    stem = re.sub(r"[^\w.-]+", "-", name).strip("-.") or "my-style"
    paths = (
        FOLDER / f"{stem}{f'-{number}' if number > 1 else ''}{SUFFIX}" for number in range(1, 10**6)
    )
    return next(path for path in paths if not path.exists())


class ColorTransfer(io.ComfyNode):
    """Gives pictures the colors of others."""

    @classmethod
    def define_schema(cls) -> io.Schema:
        """Describe the node."""
        return io.Schema(
            node_id="ImpastoColorTransfer",
            display_name="Color Transfer (impasto)",
            category=CATEGORY,
            description="Give pictures the colors of a reference, such as the photo before it was"
            " painted.",
            search_aliases=["color match", "histogram"],
            inputs=[
                io.Image.Input("image"),
                io.Image.Input("reference", tooltip="One picture, or one for each."),
                io.Combo.Input(
                    "mode",
                    options=[mode for mode in MODES if mode != "style"],
                    default="linear-mkl",
                    tooltip="luminance keeps the light of the image, and needs a reference that"
                    " shows the same.",
                ),
                io.Float.Input("amount", default=1.0, min=0.0, max=1.0, step=0.05),
                io.Boolean.Input(
                    "video", default=True, tooltip="Colors of frames follow the scene slowly."
                ),
                io.Mask.Input("mask", optional=True),
            ],
            outputs=[io.Image.Output()],
        )

    @classmethod
    def execute(
        cls,
        image: torch.Tensor,
        reference: torch.Tensor,
        mode: Any,
        amount: float,
        video: bool,
        mask: torch.Tensor | None = None,
    ) -> io.NodeOutput:
        """Recolor a batch."""
        recolored = recolor_batch(
            to_array(image),
            to_array(reference),
            Color(mode, amount),
            None if mask is None else to_array(mask),
            video,
            show_progress,
        )
        return io.NodeOutput(torch.from_numpy(recolored))


class ImpastoExtension(ComfyExtension):
    """All nodes of the pack."""

    async def get_node_list(self) -> list[type[io.ComfyNode]]:
        """List the nodes in the order of the menu."""
        return [Paint, StyleFromPicture, LoadStyle, MixStyles, LearnStyle, ColorTransfer]


async def comfy_entrypoint() -> ImpastoExtension:
    """Return the pack to ComfyUI."""
    FOLDER.mkdir(parents=True, exist_ok=True)
    return ImpastoExtension()
