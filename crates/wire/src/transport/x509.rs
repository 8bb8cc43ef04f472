//! The few fields of a certificate that tell whether it can serve: its validity and its public key (RFC 5280, 4.1).

use std::time::{Duration, UNIX_EPOCH};

const INTEGER: u8 = 0x02;
const UTC_TIME: u8 = 0x17;
const GENERALIZED_TIME: u8 = 0x18;
const SEQUENCE: u8 = 0x30;
/// Which version of the format follows; absent in the first one.
const VERSION: u8 = 0xa0;

/// A certificate's own account of itself.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Certificate<'a> {
    /// From when it holds: `2026-01-31 12:00:00`, UTC. Earlier moments sort before later ones.
    pub(super) not_before: String,
    /// Until when it holds.
    pub(super) not_after: String,
    /// Its public key, as DER.
    pub(super) public_key: &'a [u8],
}

impl<'a> Certificate<'a> {
    /// Reads a certificate; `None` if it is none.
    pub(super) fn read(der: &'a [u8]) -> Option<Self> {
        let mut outer = Elements(der).enter(SEQUENCE)?;
        let mut fields = outer.enter(SEQUENCE)?;
        if fields.0.first() == Some(&VERSION) {
            fields.next()?;
        }
        fields.enter(INTEGER)?;
        // How it was signed, and by whom.
        fields.enter(SEQUENCE)?;
        fields.enter(SEQUENCE)?;
        let mut validity = fields.enter(SEQUENCE)?;
        let (not_before, not_after) = (validity.time()?, validity.time()?);
        // Whose it is.
        fields.enter(SEQUENCE)?;
        let key = fields.next()?;
        (key.tag == SEQUENCE).then_some(Self { not_before, not_after, public_key: key.whole })
    }
}

struct Element<'a> {
    tag: u8,
    content: &'a [u8],
    /// Tag and length included.
    whole: &'a [u8],
}

/// DER elements, one after the other.
struct Elements<'a>(&'a [u8]);

impl<'a> Elements<'a> {
    fn next(&mut self) -> Option<Element<'a>> {
        let (&tag, rest) = self.0.split_first()?;
        let (&first, rest) = rest.split_first()?;
        // From 0x80 on, the byte says how many bytes the length has.
        let (length, rest) = match usize::from(first) {
            short @ 0..=0x7f => (short, rest),
            long @ 0x81..=0x84 => {
                let (digits, rest) = rest.split_at_checked(long - 0x80)?;
                (digits.iter().fold(0, |length, &digit| length << 8 | usize::from(digit)), rest)
            }
            _ => return None,
        };
        let (content, after) = rest.split_at_checked(length)?;
        let whole = &self.0[..self.0.len() - after.len()];
        self.0 = after;
        Some(Element { tag, content, whole })
    }

    fn enter(&mut self, tag: u8) -> Option<Elements<'a>> {
        self.next().filter(|element| element.tag == tag).map(|element| Elements(element.content))
    }

    /// `YYMMDDhhmmssZ` or `YYYYMMDDhhmmssZ`.
    fn time(&mut self) -> Option<String> {
        let element = self.next()?;
        let digits = std::str::from_utf8(element.content).ok()?.strip_suffix('Z')?;
        let digits = match element.tag {
            UTC_TIME if digits.len() == 12 => {
                // Two digits of a year stand for 1950 to 2049.
                let century = if digits < "50" { "20" } else { "19" };
                format!("{century}{digits}")
            }
            GENERALIZED_TIME if digits.len() == 14 => digits.to_owned(),
            _ => return None,
        };
        let part = |from: usize, to: usize| &digits[from..to];
        digits.bytes().all(|digit| digit.is_ascii_digit()).then(|| {
            format!(
                "{}-{}-{} {}:{}:{}",
                part(0, 4),
                part(4, 6),
                part(6, 8),
                part(8, 10),
                part(10, 12),
                part(12, 14)
            )
        })
    }
}

/// The moment so long after 1970, in the form of a certificate's: by the algorithm `civil_from_days` of Howard Hinnant.
pub(super) fn moment(since_epoch: Duration) -> String {
    let seconds = since_epoch.as_secs();
    let (days, second) = (seconds / 86_400 + 719_468, seconds % 86_400);
    let (era, day_of_era) = (days / 146_097, days % 146_097);
    let year_of_era = (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    // Years begin in March here, so that a leap day is their last.
    let month = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * month + 2) / 5 + 1;
    let (month, next) = if month < 10 { (month + 3, 0) } else { (month - 9, 1) };
    let year = year_of_era + era * 400 + next;
    let (hour, minute, second) = (second / 3_600, second / 60 % 60, second % 60);
    format!("{year:04}-{month:02}-{day:02} {hour:02}:{minute:02}:{second:02}")
}

/// The moment that it is.
pub(super) fn now() -> String {
    moment(UNIX_EPOCH.elapsed().unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn element(tag: u8, content: &[u8]) -> Vec<u8> {
        let length = content.len();
        let mut bytes = vec![tag];
        if length < 0x80 {
            bytes.push(length as u8);
        } else {
            bytes.extend([0x82, (length >> 8) as u8, length as u8]);
        }
        bytes.extend(content);
        bytes
    }

    fn certificate(version: &[u8], from: Vec<u8>, to: Vec<u8>) -> Vec<u8> {
        let name = element(SEQUENCE, &[0; 200]);
        let key = element(SEQUENCE, b"key");
        let validity = element(SEQUENCE, &[from, to].concat());
        let algorithm = element(SEQUENCE, b"");
        let fields =
            [version.to_vec(), element(INTEGER, &[1]), algorithm, name.clone(), validity, name, key].concat();
        element(SEQUENCE, &element(SEQUENCE, &fields))
    }

    #[test]
    fn the_first_and_the_third_version_are_read() {
        let third = element(VERSION, &element(INTEGER, &[2]));
        for version in [&[][..], &third] {
            let der = certificate(
                version,
                element(UTC_TIME, b"990131235959Z"),
                element(GENERALIZED_TIME, b"20500102030405Z"),
            );
            let read = Certificate::read(&der).unwrap();
            assert_eq!(read.not_before, "1999-01-31 23:59:59");
            assert_eq!(read.not_after, "2050-01-02 03:04:05");
            assert_eq!(read.public_key, element(SEQUENCE, b"key"));
        }
    }

    #[test]
    fn moments_are_those_of_the_calendar() {
        for (seconds, text) in [
            (0, "1970-01-01 00:00:00"),
            (951_782_399, "2000-02-28 23:59:59"),
            (951_782_400, "2000-02-29 00:00:00"),
            (4_107_542_399, "2100-02-28 23:59:59"),
            (4_107_542_400, "2100-03-01 00:00:00"),
            (1_798_761_599, "2026-12-31 23:59:59"),
        ] {
            assert_eq!(moment(Duration::from_secs(seconds)), text);
        }
    }

    proptest! {
        /// Whatever bytes come: a certificate or none, never a panic.
        #[test]
        fn any_bytes_are_a_certificate_or_none(bytes: Vec<u8>, cut in 0_usize..300, at in 0_usize..300, to: u8) {
            let _ = Certificate::read(&bytes);
            let time = || element(UTC_TIME, b"260131235959Z");
            let mut der = certificate(&[], time(), time());
            der.truncate(cut);
            let _ = Certificate::read(&der);
            if let Some(byte) = der.get_mut(at) {
                *byte = to;
            }
            let _ = Certificate::read(&der);
        }

        /// A later moment is written so that it sorts behind an earlier one.
        #[test]
        fn moments_sort_as_they_follow(one in 0_u64..200_000_000_000, other in 0_u64..200_000_000_000) {
            let text = |seconds| moment(Duration::from_secs(seconds));
            prop_assert_eq!(one.cmp(&other), text(one).cmp(&text(other)));
        }
    }
}
