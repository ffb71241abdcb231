"""Your own texts."""

from __future__ import annotations

from gdl_core.data.building import BuildContext
from gdl_core.data.dataset import Dataset
from gdl_text.config import TextConfig
from gdl_text.corpus import Cut, read_documents, sentences, windows


def build(config: TextConfig, context: BuildContext) -> Dataset:
    """Return windows or lines of texts; column `document` where there are several.

    Raises:
        DataError: nothing can be read, or nothing fits. MissingExtraError: bpe needs the library tokenizers.
    """
    documents = read_documents(config.path, config.encoding, context)
    make = sentences if config.samples == "lines" else windows
    return make("text", documents, Cut(config.tokens, config.vocabulary), config.length, config.held_out, context)
