//! The checksum of one piece of an upload, as tus' extension `checksum` has it.

use azulejo_protocol::ApiError;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use sha1::Sha1;
use sha2::{Digest as _, Sha256};

/// The algorithms, as `Tus-Checksum-Algorithm` names them.
pub const ALGORITHMS: &str = "sha1,sha256";

enum Sum {
    Sha1(Sha1),
    Sha256(Sha256),
}

/// A checksum that is being computed, and what it has to be.
pub struct Checksum {
    sum: Sum,
    wanted: Vec<u8>,
}

impl Checksum {
    /// Reads `ALGORITHM BASE64`, the value of `Upload-Checksum`.
    ///
    /// # Errors
    /// 400 for an algorithm that is not among [`ALGORITHMS`], or a value that cannot be one of its.
    pub fn parse(text: &str) -> Result<Self, ApiError> {
        let bad = |detail: &str| {
            let detail = format!("the header Upload-Checksum {detail}");
            ApiError::new(400, "bad_checksum", detail)
        };
        let (name, value) = text
            .trim()
            .split_once(' ')
            .ok_or_else(|| bad("must be an algorithm, a space and the checksum in base64"))?;
        let (sum, length) = match name {
            "sha1" => (Sum::Sha1(Sha1::new()), 20),
            "sha256" => (Sum::Sha256(Sha256::new()), 32),
            _ => return Err(bad(&format!("names an algorithm that is not among {ALGORITHMS}"))),
        };
        let wanted = STANDARD.decode(value.trim()).ok();
        let wanted = wanted
            .filter(|wanted| wanted.len() == length)
            .ok_or_else(|| bad("has no value of that algorithm in base64"))?;
        Ok(Self { sum, wanted })
    }

    /// Takes the next bytes in.
    pub fn update(&mut self, bytes: &[u8]) {
        match &mut self.sum {
            Sum::Sha1(sum) => sum.update(bytes),
            Sum::Sha256(sum) => sum.update(bytes),
        }
    }

    /// Compares.
    ///
    /// # Errors
    /// 460, tus' status for this, when the bytes were others.
    pub fn check(self) -> Result<(), ApiError> {
        let found = match self.sum {
            Sum::Sha1(sum) => sum.finalize().to_vec(),
            Sum::Sha256(sum) => sum.finalize().to_vec(),
        };
        if found == self.wanted {
            return Ok(());
        }
        let detail =
            "the bytes that came are not those of the checksum, so they were thrown away: send them again";
        Err(ApiError::new(460, "checksum_mismatch", detail))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_algorithms_know_their_bytes() {
        for text in [
            "sha1 qZk+NkcGgWq6PiVxeFDCbJzQ2J0=",
            "sha256 ungWv48Bz+pBQUDeXa4iI7ADYaOWF3qctBD/YfIAFa0=",
        ] {
            let of = |bytes: &[u8]| {
                let mut checksum = Checksum::parse(text).unwrap();
                bytes.chunks(2).for_each(|chunk| checksum.update(chunk));
                checksum.check().map_err(|error| error.status)
            };
            assert_eq!(of(b"abc"), Ok(()));
            assert_eq!(of(b"abd"), Err(460));
        }
    }

    #[test]
    fn what_is_no_checksum_is_refused() {
        for text in [
            "",
            "sha1",
            "sha1 ",
            "md5 kAFQmDzST7DWlj99KOF/cg==",
            "sha1 !!!",
            "sha256 qZk+NkcGgWq6PiVxeFDCbJzQ2J0=",
        ] {
            assert_eq!(
                Checksum::parse(text).err().map(|error| error.status),
                Some(400),
                "{text}"
            );
        }
    }
}
