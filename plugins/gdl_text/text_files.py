"""Your own texts."""

from __future__ import annotations

from gdl_core.data.building import BuildContext
from gdl_core.data.dataset import Dataset
from gdl_text.config import TextConfig
from gdl_text.corpus import cut, read_documents, sentences, windows


def build(config: TextConfig, context: BuildContext) -> Dataset:
    """Return windows or lines of texts; column `document` where there are several.

    Raises:
        DataError: nothing can be read, or nothing fits. MissingExtraError: bpe needs the library tokenizers.
    """
    documents = read_documents(config.path, config.encoding, context)
    lines = config.samples == "lines"
    tokens = cut(documents, config.tokens, config.vocabulary, lines)
    make = sentences if lines else windows
    return make("text", documents, tokens, config.length, config.held_out, context)
