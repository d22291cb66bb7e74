"""Trees and proofs, against the definition of RFC 6962 written down as it stands there."""

from hashlib import sha256

import pytest

from inventory.ledger.merkle import EMPTY_ROOT, Tree, proof, root_of

LEAVES = [sha256(str(number).encode()).digest() for number in range(2600)]


def as_the_rfc_says(leaves: list[bytes]) -> bytes:
    if len(leaves) == 1:
        return leaves[0]
    split = 1
    while split * 2 < len(leaves):
        split *= 2
    return sha256(b"\1" + as_the_rfc_says(leaves[:split]) + as_the_rfc_says(leaves[split:])).digest()


@pytest.mark.parametrize("size", [*range(1, 20), 1023, 1024, 1025, 2048, 2049, 2600])
def test_the_root_is_that_of_the_definition_however_it_is_computed(size: int) -> None:
    tree = Tree()
    for leaf in LEAVES[:size]:
        tree.add(leaf)
    assert tree.root() == root_of(LEAVES[:size]) == as_the_rfc_says(LEAVES[:size])
    assert len(tree) == size


def test_nothing_has_a_root_of_its_own() -> None:
    assert Tree().root() == root_of([]) == EMPTY_ROOT


@pytest.mark.parametrize("size", [1, 2, 3, 5, 8, 13])
def test_every_proof_leads_to_the_root_and_no_other_leaf_takes_it_there(size: int) -> None:
    leaves = LEAVES[:size]
    for index, leaf in enumerate(leaves):
        ends = []
        for start in (leaf, LEAVES[-1]):
            node = start
            for side, sibling in proof(leaves, index):
                pair = sibling + node if side == "left" else node + sibling
                node = sha256(b"\1" + pair).digest()
            ends.append(node)
        assert ends[0] == root_of(leaves) != ends[1]
