import pytest
import torch
from open_clip.model import CLIP

from specs_core.prefix_tree import (
    Branch,
    PrefixTree,
    encode_after,
    encode_trees,
    lay_out,
    share_trunk,
    supports_prefix_trees,
)

CONTEXT = 40


@pytest.fixture(scope="module")
def model():
    torch.manual_seed(3)
    vision = {"image_size": 32, "layers": 1, "width": 32, "patch_size": 16, "head_width": 32}
    text = {"context_length": CONTEXT, "vocab_size": 49408, "width": 32, "heads": 2, "layers": 3}
    return CLIP(24, vision, text, quick_gelu=True).eval()


def encode_separately(model, texts):
    """The slow plain version: one padded row a text."""
    ids = torch.zeros(len(texts), CONTEXT, dtype=torch.long)
    for row, tokens in enumerate(texts):
        ids[row, : len(tokens) + 2] = torch.tensor([49406, *tokens, 49407])
    return model.encode_text(ids)


def trees_and_texts(seed=0):
    generator = torch.Generator().manual_seed(seed)

    def draw(n):
        return tuple(torch.randint(300, 49000, (n,), generator=generator).tolist())

    long, short, extra = draw(30), draw(7), draw(4)
    trees = [
        PrefixTree(long, (0, 4, 19, 30), (Branch(4, extra), Branch(30, extra[:1]), Branch(0, long[5:]))),
        PrefixTree(short, (7,), (Branch(3, short[4:]),)),
    ]
    texts = [long[:0], long[:4], long[:19], long, long[:4] + extra, long + extra[:1], long[5:], short]
    return trees, [*texts, short[:3] + short[4:]]


def test_one_pass_equals_separate_passes_in_value(model):
    trees, texts = trees_and_texts()
    with torch.no_grad():
        together = encode_trees(model, lay_out(trees, context_length=CONTEXT))
        alone = encode_separately(model, texts)
    torch.testing.assert_close(together, alone, atol=1e-5, rtol=0)


def test_one_pass_equals_separate_passes_in_gradient(model):
    trees, texts = trees_and_texts(1)
    weights = torch.randn(len(texts), 24, generator=torch.Generator().manual_seed(2))
    gradients = []
    for encode in (
        lambda: encode_trees(model, lay_out(trees, context_length=CONTEXT)),
        lambda: encode_separately(model, texts),
    ):
        model.zero_grad()
        (encode() * weights).sum().backward()
        gradients.append({name: p.grad.clone() for name, p in model.named_parameters() if p.grad is not None})
    assert gradients[0].keys() == gradients[1].keys()
    for name, gradient in gradients[0].items():
        torch.testing.assert_close(gradient, gradients[1][name], atol=1e-4, rtol=1e-3, msg=name)


def test_texts_after_a_trunk_that_was_kept_equal_separate_passes(model):
    (tree, _), _ = trees_and_texts(4)
    kept = []
    branches = [*tree.branches, Branch(30, tree.trunk[:8]), Branch(19, ()), Branch(0, ())]
    wanted = [tree.trunk[: b.start] + b.tokens for b in branches]
    with torch.no_grad():
        encode_trees(model, lay_out([tree], context_length=CONTEXT), kept=kept)
        trunk = [(keys[:, :, :31], values[:, :, :31]) for keys, values in kept]
        found = encode_after(model, trunk, branches)
        alone = encode_separately(model, wanted)
    assert max(map(len, wanted)) == CONTEXT - 2
    torch.testing.assert_close(found, alone, atol=1e-5, rtol=0)


def test_a_tree_that_fills_the_context_is_encoded_and_one_token_more_is_refused():
    full = PrefixTree(tuple(range(300, 300 + CONTEXT - 2)), (CONTEXT - 2,))
    assert lay_out([full], context_length=CONTEXT).positions.max() == CONTEXT - 1
    over = PrefixTree((*full.trunk, 5), (1,))
    with pytest.raises(ValueError, match=rf"{CONTEXT + 1} positions and the model has {CONTEXT}"):
        lay_out([over], context_length=CONTEXT)


def test_a_branch_outside_its_trunk_is_refused():
    with pytest.raises(ValueError, match="starts after 3 tokens of a trunk of 2"):
        lay_out([PrefixTree((5, 6), (), (Branch(3, (7,)),))], context_length=CONTEXT)


def test_no_node_sees_a_later_unit_or_another_branch():
    batch = lay_out([PrefixTree((5, 6, 7), (1, 3), (Branch(1, (8, 9)),))], context_length=CONTEXT)
    # nodes: SOT 5 6 7 | EOT(1) | EOT(3) | 8 9 EOT
    seen = [set(torch.nonzero(row).squeeze(1).tolist()) for row in batch.mask[0]]
    assert seen[3] == {0, 1, 2, 3}
    assert seen[4] == {0, 1, 4}
    assert seen[5] == {0, 1, 2, 3, 5}
    assert seen[8] == {0, 1, 6, 7, 8}
    assert batch.positions[0].tolist() == [0, 1, 2, 3, 2, 4, 2, 3, 4]


def test_one_pass_is_refused_for_a_text_tower_that_is_not_causal(model):
    assert supports_prefix_trees(model)
    vision = {"image_size": 32, "layers": 1, "width": 32, "patch_size": 16, "head_width": 32}
    text = {
        "context_length": 16,
        "vocab_size": 100,
        "width": 32,
        "heads": 2,
        "layers": 1,
        "no_causal_mask": True,
    }
    assert not supports_prefix_trees(CLIP(24, vision, text))


def test_texts_that_share_a_trunk_are_encoded_as_if_alone_in_value_and_gradient(model):
    generator = torch.Generator().manual_seed(5)
    trunk = torch.randint(300, 49000, (20,), generator=generator).tolist()
    # a false unit that begins like the true one, a prefix that ends within a token, the trunk, another text
    texts = [[*trunk[:9], 7, 8], trunk[:5], [*trunk[:3], 9], trunk, [5, 6], []]
    tree, order = share_trunk(texts, trunk)
    assert [len(tree.prefixes), [branch.start for branch in tree.branches]] == [3, [9, 3, 0]]
    weights = torch.randn(len(texts), 24, generator=generator)
    gradients = []
    values = []
    for encode in (
        lambda: encode_trees(model, lay_out([tree], context_length=CONTEXT))[order],
        lambda: encode_separately(model, texts),
    ):
        model.zero_grad()
        values.append(encode())
        (values[-1] * weights).sum().backward()
        gradients.append({name: p.grad.clone() for name, p in model.named_parameters() if p.grad is not None})
    torch.testing.assert_close(values[0], values[1], atol=1e-5, rtol=0)
    assert gradients[0].keys() == gradients[1].keys()
    for name, gradient in gradients[0].items():
        torch.testing.assert_close(gradient, gradients[1][name], atol=1e-4, rtol=1e-3, msg=name)
