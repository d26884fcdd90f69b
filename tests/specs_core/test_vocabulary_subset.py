import pytest
import torch
from safetensors.torch import save_file

from specs_core.errors import CheckpointError
from specs_core.vocabulary_subset import ROWS, TOKENS, VocabularySubset, expand_vocabulary


def state(tokens, rows=None):
    rows = len(tokens) if rows is None else rows
    return {
        ROWS: torch.arange(1.0, 1 + 2 * rows).view(rows, 2),
        TOKENS: torch.tensor(tokens, dtype=torch.int32),
    }


def test_a_subset_when_expanded_looks_up_what_it_looked_up_before(tmp_path):
    table = VocabularySubset([7, 2, 5], vocab_size=9, width=4)
    named = {f"token_embedding.{name}": value for name, value in table.state_dict().items()}
    save_file(named, tmp_path / "file.safetensors")
    whole = expand_vocabulary(named, vocab_size=9, where="file")
    ids = torch.tensor([[2, 7, 0], [8, 5, 5]])
    assert whole.keys() == {ROWS}
    assert torch.equal(whole[ROWS][ids], table(ids))
    assert torch.equal(table(torch.tensor([0, 8])), torch.zeros(2, 4))


def test_a_gradient_of_the_subset_reaches_the_rows_that_were_used_alone():
    table = VocabularySubset([3, 1], vocab_size=4, width=2)
    table(torch.tensor([1, 1, 0])).sum().backward()
    assert table.weight.grad.tolist() == [[0.0, 0.0], [2.0, 2.0]]


def test_a_state_dict_without_a_list_of_tokens_stays_as_it_is():
    whole = {ROWS: torch.ones(3, 2), "other": torch.ones(1)}
    assert expand_vocabulary(whole, vocab_size=3, where="file") == whole


@pytest.mark.parametrize(
    ("broken", "message"),
    [
        (state([1, 1]), "one row of token_embedding.weight for each of its 2 tokens"),
        (state([1, 2, 3], rows=2), "for each of its 3 tokens"),
        ({TOKENS: torch.tensor([1])}, "for each of its 1 tokens"),
        (state([-1, 5]), "token -1 and the model's vocabulary is 9"),
        ({**state([1]), TOKENS: torch.tensor([[1]])}, "no list of whole numbers"),
        ({**state([1]), TOKENS: torch.tensor([1.0])}, "no list of whole numbers"),
        (state([1, 9]), "token 9 and the model's vocabulary is 9"),
    ],
)
def test_a_token_table_that_is_not_sound_is_an_error_that_names_the_file(broken, message):
    with pytest.raises(CheckpointError, match=message):
        expand_vocabulary(broken, vocab_size=9, where="file")
