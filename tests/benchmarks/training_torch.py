"""One step of tuning MiniLM in PyTorch with transformers, for `training`; it runs in an environment of its own.

python training_torch.py lora 2
"""

import json
import resource
import sys
import time

import numpy as np
import torch
from transformers import BertConfig, BertModel


class LowRank(torch.nn.Module):
    """A frozen linear layer and a change of rank 8."""

    def __init__(self, linear):
        super().__init__()
        self.linear = linear
        self.down = torch.nn.Linear(linear.in_features, 8, bias=False)
        self.up = torch.nn.Linear(8, linear.out_features, bias=False)
        torch.nn.init.zeros_(self.up.weight)

    def forward(self, x):
        """Return what both give."""
        return self.linear(x) + self.up(self.down(x))


def main():
    """Print seconds a step."""
    adaptation, threads = sys.argv[1], int(sys.argv[2])
    torch.set_num_threads(threads)
    torch.manual_seed(1)
    encoder = BertModel(
        BertConfig(hidden_size=384, num_hidden_layers=6, num_attention_heads=12, intermediate_size=1536),
        add_pooling_layer=False,
    )
    if adaptation == "lora":
        encoder.requires_grad_(False)
        for layer in encoder.encoder.layer:
            own = layer.attention.self
            own.query, own.value = LowRank(own.query), LowRank(own.value)
    head = torch.nn.Linear(384, 1)
    encoder.train()
    trained = [weight for part in (encoder, head) for weight in part.parameters() if weight.requires_grad]
    begun = time.perf_counter()
    optimizer = torch.optim.AdamW(trained, lr=1e-4, weight_decay=0.01)
    random = np.random.default_rng(0)
    pieces = torch.tensor(random.integers(1_000, 30_000, (32, 48)))
    target, here = torch.tensor(random.integers(0, 2, (32, 1)), dtype=torch.float32), torch.ones(32, 48)

    def step():
        state = encoder(input_ids=pieces, attention_mask=here).last_hidden_state
        mean = torch.nn.functional.normalize((state * here[..., None]).sum(1), dim=-1) * 384**0.5
        loss = torch.nn.functional.binary_cross_entropy_with_logits(head(mean), target)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        return loss.item()

    def used():
        both = resource.getrusage(resource.RUSAGE_SELF)
        return both.ru_utime + both.ru_stime

    step()
    first, clock, processor = time.perf_counter() - begun, [], []
    for _ in range(8):
        at = time.perf_counter(), used()
        step()
        clock.append(time.perf_counter() - at[0])
        processor.append(used() - at[1])
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    print(json.dumps({"clock": min(clock), "processor": min(processor), "first": first, "peak": peak}))


main()
