"""Where does the wolf come from? The logit lens says at which depth, attribution says from which part."""

import gptcore
from gptcore import analysis

ckpt = gptcore.load("fairytales")
trace = gptcore.capture(ckpt, ckpt.tokenizer.encode("There was once a fox and a wolf. The fox said to the"))

# What the model would say after each block, if it stopped there.
table = analysis.lens_table(trace)
for name, ids, p in zip(table.names, table.ids[:, -1], table.probabilities[:, -1], strict=True):
    print(f"{name:26} {ckpt.tokenizer.label(ids[0])!r:9} {p[0]:.1%}")

# What each part adds to the lead of the likeliest token over the second; the parts add up to the whole.
first, second = table.ids[-1, -1, :2].tolist()
found = analysis.logit_attribution(trace, first, versus=second)
print(f"{ckpt.tokenizer.label(first)!r} leads {ckpt.tokenizer.label(second)!r} by {found.total:.3f}, of which")
for name, value in found.by_block().items():
    print(f"{name:26} {value:+.3f}")
print(f"{'all together':26} {sum(found.by_block().values()):+.3f}")
heads = sorted((part for part in found.parts if part.head is not None), key=lambda part: -part.value)
print("the strongest heads:", ", ".join(f"{part.layer}.{part.head} {part.value:+.3f}" for part in heads[:3]))
