//! The Merkle tree over the ledger (RFC 6962): leaf hashes, the frontier kept in the head row, the root, and proofs.

pub mod proof;

use sha2::{Digest, Sha256};

/// A SHA-256 hash.
pub type Hash = [u8; 32];

/// RFC 6962 2.1: the hash of a leaf is SHA-256(0x00 ‖ leaf).
#[must_use]
pub fn leaf_hash(leaf: &[u8]) -> Hash {
    Sha256::new()
        .chain_update([0])
        .chain_update(leaf)
        .finalize()
        .into()
}

/// RFC 6962 2.1: the hash of a node is SHA-256(0x01 ‖ left ‖ right).
#[must_use]
pub fn node_hash(left: &Hash, right: &Hash) -> Hash {
    Sha256::new()
        .chain_update([1])
        .chain_update(left)
        .chain_update(right)
        .finalize()
        .into()
}

/// The roots of the full subtrees that make up a tree, largest first: one for each bit set in its size.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Frontier {
    size: u64,
    roots: Vec<Hash>,
}

impl Frontier {
    /// As stored: 32 bytes per root; `None` when the bytes do not fit the size.
    #[must_use]
    pub fn from_bytes(size: u64, bytes: &[u8]) -> Option<Self> {
        let (roots, rest) = bytes.as_chunks::<32>();
        (rest.is_empty() && roots.len() == size.count_ones() as usize).then(|| Self {
            size,
            roots: roots.to_vec(),
        })
    }

    /// As stored: 32 bytes per root.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        self.roots.concat()
    }

    /// From the roots of the full subtrees, largest first; `None` when there are not as many as bits set in the size.
    #[must_use]
    pub fn from_roots(size: u64, roots: Vec<Hash>) -> Option<Self> {
        (roots.len() == size.count_ones() as usize).then_some(Self { size, roots })
    }

    /// The roots of the full subtrees, largest first.
    #[must_use]
    pub fn roots(&self) -> &[Hash] {
        &self.roots
    }

    /// Number of leaves.
    #[must_use]
    pub fn size(&self) -> u64 {
        self.size
    }

    /// Adds the next leaf. Amortised one node per leaf: each trailing 1 of the size is a subtree that becomes full.
    pub fn push(&mut self, leaf: Hash) {
        let mut hash = leaf;
        for _ in 0..self.size.trailing_ones() {
            if let Some(left) = self.roots.pop() {
                hash = node_hash(&left, &hash);
            }
        }
        self.roots.push(hash);
        self.size += 1;
    }

    /// The root; of no leaves SHA-256 of nothing.
    #[must_use]
    pub fn root(&self) -> Hash {
        join(&self.roots)
    }
}

/// The root over subtrees that stand side by side, each larger than all after it together; of none SHA-256 of nothing.
#[must_use]
pub fn join(largest_first: &[Hash]) -> Hash {
    let mut smallest_first = largest_first.iter().rev().copied();
    match smallest_first.next() {
        None => Sha256::digest([]).into(),
        Some(last) => smallest_first.fold(last, |right, left| node_hash(&left, &right)),
    }
}

/// The root of a full subtree of 1, 2, 4, 8 … hashes.
#[must_use]
pub fn full_root(hashes: &[Hash]) -> Hash {
    debug_assert!(hashes.len().is_power_of_two(), "a full subtree has 2^n hashes");
    let mut level = hashes.to_vec();
    while level.len() > 1 {
        level = level
            .chunks(2)
            .map(|pair| node_hash(&pair[0], &pair[pair.len() - 1]))
            .collect();
    }
    level.first().copied().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// RFC 6962 2.1, word for word: split at the largest power of two smaller than n.
    fn naive(leaves: &[Hash]) -> Hash {
        match leaves {
            [] => Sha256::digest([]).into(),
            [one] => *one,
            more => {
                let split = 1 << (more.len() - 1).ilog2();
                node_hash(&naive(&more[..split]), &naive(&more[split..]))
            }
        }
    }

    proptest! {
        #[test]
        fn the_root_from_the_frontier_is_the_root_of_rfc_6962(leaves in prop::collection::vec(any::<[u8; 8]>(), 0..300)) {
            let hashes: Vec<Hash> = leaves.iter().map(|leaf| leaf_hash(leaf)).collect();
            let mut frontier = Frontier::default();
            for hash in &hashes {
                frontier.push(*hash);
                frontier = Frontier::from_bytes(frontier.size(), &frontier.to_bytes()).unwrap();
            }
            prop_assert_eq!(frontier.root(), naive(&hashes));
        }
    }

    #[test]
    fn the_published_vectors_of_certificate_transparency_hold() {
        // From the reference implementation's tests (google/certificate-transparency, merkle_tree_test).
        let leaves = [
            "",
            "00",
            "10",
            "2021",
            "3031",
            "40414243",
            "5051525354555657",
            "606162636465666768696a6b6c6d6e6f",
        ];
        let roots = [
            "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
            "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
            "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
            "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
            "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
            "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
            "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
            "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
        ];
        let mut frontier = Frontier::default();
        for (leaf, root) in leaves.iter().zip(roots) {
            frontier.push(leaf_hash(&hex::decode(leaf).unwrap()));
            assert_eq!(hex::encode(frontier.root()), root);
        }
    }

    #[test]
    fn a_frontier_that_does_not_fit_its_size_is_refused() {
        assert_eq!(Frontier::from_bytes(3, &[0; 32]), None);
        assert_eq!(Frontier::from_bytes(1, &[0; 33]), None);
    }
}
