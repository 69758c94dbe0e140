//! Bytes to send: as incompressible as a layer, the same each time they are asked for, never held whole in memory.

use bytes::{Bytes, BytesMut};
use oci::{Algorithm, Digest, Hasher};

const CHUNK_BYTES: u64 = 1024 * 1024;
/// What tells one chunk from the next.
const LABEL_BYTES: usize = 8;

/// `size` bytes that no other seed gives. The chunks of one content differ in their number alone.
#[derive(Clone)]
pub(crate) struct Content {
    block: Bytes,
    size: u64,
    digest: Digest,
}

impl Content {
    pub(crate) fn new(seed: u64, size: u64) -> Self {
        let mut content = Self {
            block: random_block(seed),
            size,
            digest: Digest::sha256(b""),
        };
        let mut hasher = Hasher::new(Algorithm::Sha256);
        for chunk in content.chunks() {
            hasher.update(&chunk);
        }
        content.digest = hasher.finish();
        content
    }

    pub(crate) fn of(bytes: Bytes) -> Self {
        Self {
            digest: Digest::sha256(&bytes),
            size: bytes.len() as u64,
            block: bytes,
        }
    }

    pub(crate) fn digest(&self) -> &Digest {
        &self.digest
    }

    pub(crate) fn size(&self) -> u64 {
        self.size
    }

    /// The bytes, piece by piece, without copying any.
    pub(crate) fn chunks(&self) -> impl Iterator<Item = Bytes> + Send {
        let (block, size) = (self.block.clone(), self.size);
        (0..size.div_ceil(CHUNK_BYTES)).flat_map(move |number| {
            let length = (size - number * CHUNK_BYTES).min(CHUNK_BYTES) as usize;
            // The first block stands as it is, so that short contents may be any bytes.
            let label = match number {
                0 => Bytes::new(),
                _ => Bytes::copy_from_slice(&number.to_le_bytes()[..length.min(LABEL_BYTES)]),
            };
            let rest = block.slice(label.len()..length);
            [label, rest].into_iter().filter(|piece| !piece.is_empty())
        })
    }
}

/// splitmix64: good enough to be incompressible, and no dependency.
fn random_block(seed: u64) -> Bytes {
    // Not the step below: neighbouring seeds would give the same words, one place on.
    let mut state = seed.wrapping_mul(0xd1b5_4a32_d192_ed03);
    let mut block = BytesMut::with_capacity(CHUNK_BYTES as usize);
    while block.len() < CHUNK_BYTES as usize {
        state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut word = state;
        word = (word ^ (word >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        word = (word ^ (word >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        block.extend_from_slice(&(word ^ (word >> 31)).to_le_bytes());
    }
    block.freeze()
}
