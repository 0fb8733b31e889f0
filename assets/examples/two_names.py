"""Which head moves the name? Find the heads that decide who gets the ring, and follow the path of the name."""

import gptcore
from gptcore import analysis

ckpt = gptcore.load("two-names")
ids = ckpt.tokenizer.encode("When Anna and Tom went to the store, Tom gave a ring to")
swapped = ckpt.tokenizer.encode("When Anna and Tom went to the store, Anna gave a ring to")  # here Tom gets it
anna, tom = (ckpt.tokenizer.encode(name)[0] for name in (" Anna", " Tom"))


def lead(logits):
    """Return how far the right name leads, in logits."""
    return logits[0, -1, anna] - logits[0, -1, tom]


# The question in ten lines: what the lead loses without each head, beside what the head itself adds to it.
trace = gptcore.capture(ckpt, ids)
added = {(part.layer, part.head): part.value for part in analysis.logit_attribution(trace, anna, tom).parts}
changes = analysis.ablation_sweep(ckpt, trace, lead)  # (L, H): the lead without the head, minus the lead
print(f"the lead of Anna over Tom: {lead(trace.logits):.2f}")
for place in changes.flatten().argsort()[:3].tolist():
    layer, head = divmod(place, ckpt.config.n_head)
    seen = trace[f"transformer.h.{layer}.attn.pattern"][0, head, -1].topk(2).indices.tolist()
    looks = " and ".join(f"{ckpt.tokenizer.label(ids[k])!r} at {k}" for k in seen)
    told = f"adds {added[layer, head]:+.2f}; without it {changes[layer, head]:+.2f}"
    print(f"head {layer}.{head} {told}; the last word looks at {looks}")

# The path: what a head of block 0 says of the giver's second name is what the heads of block 1 carry to the end.
for kind in "qkv":
    kept = analysis.path_sweep(ckpt, ids, swapped, lead, [(1, 0, kind), (1, 2, kind)])[0]  # (H,) of block 0
    told = ", ".join(f"0.{head} {share:.2f}" for head, share in enumerate(kept.tolist()))
    print(f"if one head tells the {kind} of 1.0 and 1.2 that Anna gave, of the lead stays: {told}")
