"""Which head makes the model repeat the second half of a repeated phrase, and what happens without it?"""

import gptcore
from gptcore import analysis

# The question in ten lines. The phrase "xurolifc" has begun anew: after "xuro" comes "l".
ckpt = gptcore.load("induction")
ids = ckpt.tokenizer.encode("xurolifcxuro")
scores = analysis.head_scores(ckpt)  # (L, H) each, on random letters repeated once
induction = divmod(int(scores["induction"].argmax()), ckpt.config.n_head)
previous = divmod(int(scores["previous"].argmax()), ckpt.config.n_head)
for off in ([], [induction], [previous]):
    trace = gptcore.capture(ckpt, ids, edits=[analysis.switch_off(ckpt.config, *head) for head in off])
    p, said = trace.logits[0, -1].softmax(-1).max(-1)
    print(f"heads switched off: {off}; the next letter is {ckpt.tokenizer.label(said)!r}, {p:.1%}")

# Why it needs the other head: it finds the place behind the last "o" by what that head has written there.
for off in ([], [previous]):
    trace = gptcore.capture(ckpt, ids, edits=[analysis.switch_off(ckpt.config, *head) for head in off])
    looks = analysis.prompt_scores(trace)["induction"][induction]
    print(f"heads switched off: {off}; head {induction} looks behind the last time with {looks:.3f}")

# The same from weights alone: how much the keys of the one read what the other writes.
reads = analysis.composition(ckpt, "k")[previous][induction]
print(f"composition of keys: {reads:.3f}; two random heads have {analysis.chance.composition(ckpt.config.n_embd):.3f}")
