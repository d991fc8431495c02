"""Small models of random weights, made on the spot: what goes wrong with an architecture goes wrong in them too.

Needs the extra sentence-transformers. The models share the tokenizer of the real model.
"""

import json
from pathlib import Path
from typing import Any

from support.embedders import model_folder

SMALL = {"hidden_size": 48, "num_attention_heads": 4, "num_hidden_layers": 3, "intermediate_size": 96}
SMALL_DISTILBERT = {"dim": 48, "n_heads": 4, "n_layers": 3, "hidden_dim": 96}


def random_model(folder: Path, config_class: str, settings: dict[str, Any], *, pooling: str) -> Path:
    import torch
    import transformers

    torch.manual_seed(11)
    sizes = SMALL_DISTILBERT if config_class == "DistilBertConfig" else SMALL
    config = getattr(transformers, config_class)(**{"vocab_size": 30522, **sizes, **settings})
    model = transformers.AutoModel.from_config(config)
    for parameter in model.parameters():  # biases and norms too, which begin as 0 and 1
        torch.nn.init.normal_(parameter, std=0.3)
    model.save_pretrained(folder, safe_serialization=True)
    for name in ("tokenizer.json", "tokenizer_config.json", "modules.json", "special_tokens_map.json"):
        (folder / name).write_bytes((model_folder() / name).read_bytes())
    (folder / "1_Pooling").mkdir()
    pooled = {"word_embedding_dimension": 48, f"pooling_mode_{pooling}_token{'s' if pooling == 'mean' else ''}": True}
    if pooling == "cls":
        pooled["pooling_mode_mean_tokens"] = False
    (folder / "1_Pooling" / "config.json").write_text(json.dumps(pooled), encoding="utf-8")
    return folder
