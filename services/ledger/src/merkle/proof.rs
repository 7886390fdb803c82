//! Proofs that a leaf is in a tree, and that one tree continues another (RFC 6962 2.1.1 and 2.1.2; checked as RFC 9162 2.1.3.2 and 2.1.4.2 say).
//!
//! Which hashes a proof is made of is told apart from where they come from, so that the same plan serves a folder and a web server.

use super::{Hash, join, node_hash};

/// A full subtree: the 2^level leaves from leaf `index` · 2^level on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Node {
    /// 0: a leaf.
    pub level: u8,
    /// Which of its level, from 0.
    pub index: u64,
}

/// One hash of a proof: the full subtrees that it joins, largest first.
pub type Part = Vec<Node>;

/// The full subtrees over the leaves `from..to`, largest first. `from` must be aligned as in each range that a proof is made of.
#[must_use]
pub fn cover(mut from: u64, to: u64) -> Part {
    let mut nodes = Vec::new();
    while from < to {
        let level = (to - from).ilog2();
        nodes.push(Node {
            level: level as u8,
            index: from >> level,
        });
        from += 1 << level;
    }
    nodes
}

/// Where a tree of `size` > 1 leaves splits: the largest power of two below its size.
fn split(size: u64) -> u64 {
    1 << (size - 1).ilog2()
}

/// What an inclusion proof of leaf `index` in a tree of `size` leaves is made of, from the leaf's sibling upwards.
#[must_use]
pub fn inclusion(index: u64, size: u64) -> Vec<Part> {
    let (mut from, mut to) = (0, size);
    let mut parts = Vec::new();
    while to - from > 1 {
        let middle = from + split(to - from);
        if index < middle {
            parts.push(cover(middle, to));
            to = middle;
        } else {
            parts.push(cover(from, middle));
            from = middle;
        }
    }
    parts.reverse();
    parts
}

/// What a proof is made of that the tree of `new` leaves continues the tree of `old` leaves. Empty when `old` is 0 or `new`.
#[must_use]
pub fn consistency(old: u64, new: u64) -> Vec<Part> {
    let mut parts = Vec::new();
    if old == 0 || old >= new {
        return parts;
    }
    let (mut from, mut to) = (0, new);
    while to != old {
        let middle = from + split(to - from);
        if old <= middle {
            parts.push(cover(middle, to));
            to = middle;
        } else {
            parts.push(cover(from, middle));
            from = middle;
        }
    }
    // Who checks knows the old root. Where nothing was split off on its left, the old tree is itself a subtree of the new one.
    if from > 0 {
        parts.push(cover(from, to));
    }
    parts.reverse();
    parts
}

/// The root that a leaf and its inclusion proof lead to; `None` when the proof does not fit the tree's size.
#[must_use]
pub fn root_by_inclusion(leaf: Hash, index: u64, size: u64, proof: &[Hash]) -> Option<Hash> {
    if index >= size {
        return None;
    }
    let (mut node, mut last) = (index, size - 1);
    let mut hash = leaf;
    for sibling in proof {
        if last == 0 {
            return None;
        }
        if node & 1 == 1 || node == last {
            hash = node_hash(sibling, &hash);
            while node & 1 == 0 && node != 0 {
                node >>= 1;
                last >>= 1;
            }
        } else {
            hash = node_hash(&hash, sibling);
        }
        node >>= 1;
        last >>= 1;
    }
    (last == 0).then_some(hash)
}

/// Whether the proof shows that the tree `new` continues the tree `old`: each a size and a root.
#[must_use]
pub fn is_consistent(old: (u64, Hash), new: (u64, Hash), proof: &[Hash]) -> bool {
    let ((old_size, old_root), (new_size, new_root)) = (old, new);
    if old_size == new_size {
        return proof.is_empty() && old_root == new_root;
    }
    if old_size == 0 {
        return proof.is_empty() && old_root == join(&[]);
    }
    if old_size > new_size {
        return false;
    }
    let mut rest = proof.iter().copied();
    let first = if old_size.is_power_of_two() {
        Some(old_root)
    } else {
        rest.next()
    };
    let Some(first) = first else { return false };
    let (mut node, mut last) = (old_size - 1, new_size - 1);
    while node & 1 == 1 {
        node >>= 1;
        last >>= 1;
    }
    let (mut by_old, mut by_new) = (first, first);
    for hash in rest {
        if last == 0 {
            return false;
        }
        if node & 1 == 1 || node == last {
            by_old = node_hash(&hash, &by_old);
            by_new = node_hash(&hash, &by_new);
            while node & 1 == 0 && node != 0 {
                node >>= 1;
                last >>= 1;
            }
        } else {
            by_new = node_hash(&by_new, &hash);
        }
        node >>= 1;
        last >>= 1;
    }
    last == 0 && by_old == old_root && by_new == new_root
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::merkle::{Frontier, full_root, leaf_hash};

    fn leaves(n: u64) -> Vec<Hash> {
        (0..n).map(|i| leaf_hash(&i.to_be_bytes())).collect()
    }

    fn root_of(leaves: &[Hash]) -> Hash {
        let mut frontier = Frontier::default();
        leaves.iter().for_each(|leaf| frontier.push(*leaf));
        frontier.root()
    }

    fn made(parts: &[Part], leaves: &[Hash]) -> Vec<Hash> {
        let node = |node: &Node| {
            let from = (node.index as usize) << node.level;
            full_root(&leaves[from..from + (1 << node.level)])
        };
        parts
            .iter()
            .map(|part| join(&part.iter().map(node).collect::<Vec<_>>()))
            .collect()
    }

    #[test]
    fn every_leaf_of_every_small_tree_is_proven_and_no_other_leaf_or_index_is() {
        for size in 1..40 {
            let all = leaves(size);
            let root = root_of(&all);
            for index in 0..size {
                let proof = made(&inclusion(index, size), &all);
                let leaf = all[index as usize];
                assert_eq!(root_by_inclusion(leaf, index, size, &proof), Some(root));
                assert_ne!(root_by_inclusion([7; 32], index, size, &proof), Some(root));
                for other in (0..size + 2).filter(|other| *other != index) {
                    assert_ne!(root_by_inclusion(leaf, other, size, &proof), Some(root));
                }
                if let Some((_, short)) = proof.split_last() {
                    assert_ne!(root_by_inclusion(leaf, index, size, short), Some(root));
                }
            }
        }
    }

    #[test]
    fn every_small_tree_continues_every_smaller_one_and_no_fork_of_it() {
        for new in 1..40 {
            let all = leaves(new);
            let new_head = (new, root_of(&all));
            for old in 1..=new {
                let proof = made(&consistency(old, new), &all);
                let mut forked = all[..old as usize].to_vec();
                let old_head = (old, root_of(&forked));
                assert!(is_consistent(old_head, new_head, &proof), "{old} of {new}");
                forked[old as usize / 2] = [9; 32];
                assert!(!is_consistent((old, root_of(&forked)), new_head, &proof));
                assert!(old == new || !is_consistent(new_head, old_head, &proof));
            }
        }
    }

    proptest! {
        #[test]
        fn a_proof_with_one_bit_flipped_proves_nothing(
            size in 2_u64..600,
            at in any::<prop::sample::Index>(),
            bit in 0_usize..256,
        ) {
            let flip = |proof: &mut [Hash]| {
                let which = at.index(proof.len());
                proof[which][bit / 8] ^= 1 << (bit % 8);
            };
            let all = leaves(size);
            let root = root_of(&all);
            let index = at.index(size as usize) as u64;
            let mut proof = made(&inclusion(index, size), &all);
            flip(&mut proof);
            prop_assert_ne!(root_by_inclusion(all[index as usize], index, size, &proof), Some(root));
            let old = index.max(1);
            let mut proof = made(&consistency(old, size), &all);
            flip(&mut proof);
            let old_root = root_of(&all[..old as usize]);
            prop_assert!(!is_consistent((old, old_root), (size, root), &proof));
        }
    }
}
