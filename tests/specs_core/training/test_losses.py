import math

import pytest
import torch
import torch.nn.functional as F

from specs_core.training.losses import contrastive_loss, fall_loss, pairwise_loss, rise_loss


def test_rise_loss_equals_hand_worked_value():
    base, longer = torch.tensor([0.10, 0.20, 0.30]), torch.tensor([0.16, 0.20, 0.27])
    # gaps .06, 0, -.03; margin is their mean .01; hinges 0, .01, .04
    assert rise_loss(base, longer, margin=(0.0, 1.0)).item() == pytest.approx(0.05 / 3)


def test_rise_loss_clamps_its_margin_at_both_ends():
    base = torch.zeros(2)
    assert rise_loss(base, torch.tensor([-0.4, -0.2]), margin=(0.0, 0.1)).item() == pytest.approx(0.3)
    # mean gap .5 would ask the first to rise more; the margin stops at .1, which both exceed
    assert rise_loss(base, torch.tensor([0.2, 0.8]), margin=(0.0, 0.1)).item() == 0


def test_fall_loss_is_zero_where_every_false_unit_lowers_the_similarity_by_the_same():
    base = torch.tensor([0.5, 0.2])
    assert fall_loss(base, base - 0.03, margin=(0.0, 1.0)).item() == pytest.approx(0.0, abs=1e-7)


def test_fall_loss_uses_a_margin_of_its_own_gap():
    base, longer = torch.tensor([0.30, 0.30]), torch.tensor([0.20, 0.32])
    # falls .10 and -.02, mean .04; hinges 0 and .06
    assert fall_loss(base, longer, margin=(0.0, 1.0)).item() == pytest.approx(0.03)


def test_the_margin_passes_no_gradient():
    longer = torch.tensor([0.1, -0.1], requires_grad=True)
    rise_loss(torch.zeros(2), longer, margin=(0.0, 1.0)).backward()
    # margin 0: only the second hinge is active, and its gradient is -1/2 whatever the margin did
    assert longer.grad.tolist() == pytest.approx([0.0, -0.5])


def test_pairwise_loss_equals_softplus_of_the_scaled_difference():
    true, false = torch.tensor([0.2, 0.1]), torch.tensor([0.1, 0.3])
    expected = (math.log1p(math.exp(-1.0)) + math.log1p(math.exp(2.0))) / 2 / 10
    assert pairwise_loss(true, false, scale=10.0).item() == pytest.approx(expected)


def test_contrastive_loss_equals_a_slow_plain_version():
    generator = torch.Generator().manual_seed(0)
    image, text = (F.normalize(torch.randn(5, 7, generator=generator), dim=-1) for _ in range(2))
    scale = torch.tensor(3.0)
    total = 0.0
    for i in range(5):
        by_text = [math.exp(3.0 * float(image[i] @ text[j])) for j in range(5)]
        by_image = [math.exp(3.0 * float(image[j] @ text[i])) for j in range(5)]
        total -= math.log(by_text[i] / sum(by_text)) + math.log(by_image[i] / sum(by_image))
    assert contrastive_loss(image, text, scale).item() == pytest.approx(total / 10, rel=1e-5)
