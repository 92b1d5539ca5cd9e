"""Style files of trained styles: their cards, and embeddings for several networks in one file."""

from dataclasses import asdict, replace
from pathlib import Path

from impasto.learning.training.trainer import Trainer
from impasto.models.style import OWN, Style, name_of, read_style


def describe_training(trainer: Trainer, style_size: int) -> dict[str, str]:
    """Make the card of a style or network: how it was trained, as its file tells it."""
    settings, minutes = trainer.settings, trainer.seconds / 60
    steps = (
        f"{trainer.step} steps of {settings.batch}, {minutes:.1f} minutes on {trainer.device.type}"
    )
    weights = asdict(settings.weights)
    return {
        "trained": f"{trainer.history}, then {steps}" if trainer.history else steps,
        "perceptual": trainer.objective.perceptual.identity,
        "content": trainer.content.description,
        **({"art": trainer.art.description} if trainer.art else {}),
        "crop": str(settings.crop),
        "style_size": str(style_size),
        "weights": ", ".join(f"{term} {weight:g}" for term, weight in weights.items()),
        "seed": str(settings.seed),
    }


def write_merged(style: Style, path: Path) -> Style:
    """Write a style over an older file.

    Embeddings for other networks stay in the file, if they are of the same painting.

    Returns:
        The style as it is written.
    """
    if path.exists() and not style.own:
        old, source = read_style(path), style.metadata.get("source")
        # files of older versions are named after their picture, whatever the name of the file
        if old.metadata.get("source") == source and old.name in (style.name, name_of(source or "")):
            style = merge_styles(old, style)
    style.save(path)
    return style


def merge_styles(old: Style, new: Style) -> Style:
    """Merge the embeddings of two styles of one painting; the new ones replace the old ones.

    A network that the old style owns is left out: a style that shares a network owns none.
    """
    replaced = (*new.embeddings, OWN)
    embeddings = {
        network: value for network, value in old.embeddings.items() if network not in replaced
    }
    hashes = {network: old.hashes[network] for network in embeddings}
    metadata = {
        key: value for key, value in old.metadata.items() if key.partition(".")[0] not in replaced
    }
    return replace(
        new,
        embeddings=embeddings | dict(new.embeddings),
        hashes=hashes | dict(new.hashes),
        metadata=metadata | dict(new.metadata),
    )
