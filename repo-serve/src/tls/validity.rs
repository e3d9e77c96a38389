//! From when until when a certificate counts, read out of its DER (RFC 5280, section 4.1.2.5).

use std::time::{Duration, SystemTime};

use jiff::Timestamp;
use jiff::civil::DateTime;
use jiff::tz::TimeZone;

const DAY: Duration = Duration::from_secs(24 * 60 * 60);

/// A certificate is renewed long before that is left of it.
const SOON: Duration = Duration::from_secs(14 * 24 * 60 * 60);

/// The time in which a certificate counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Validity {
    /// From when on it counts.
    pub from: SystemTime,
    /// When it ends.
    pub until: SystemTime,
}

/// Where a certificate is in its life.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum CertificateAge {
    /// Clients do not take it yet.
    NotYetValid,
    /// Clients take it.
    Valid,
    /// It ends soon, and should have been renewed: less than two weeks are left, or a sixth of its time if that is less.
    EndsSoon,
    /// Clients no longer accept it.
    Expired,
}

impl Validity {
    /// Reads it; `None` when the bytes are not those of a certificate.
    pub(crate) fn of_certificate(der: &[u8]) -> Option<Self> {
        let (certificate, _) = element(der, SEQUENCE)?;
        let (mut rest, _) = element(certificate, SEQUENCE)?;
        // The version, which the first version of certificates does not have.
        if rest.first() == Some(&0xa0) {
            (_, rest) = element(rest, 0xa0)?;
        }
        // Its number, the algorithm of the signature, and who issued it.
        for tag in [INTEGER, SEQUENCE, SEQUENCE] {
            (_, rest) = element(rest, tag)?;
        }
        let (validity, _) = element(rest, SEQUENCE)?;
        let (from, rest) = time(validity)?;
        let (until, _) = time(rest)?;
        Some(Self { from, until })
    }

    /// Returns where the certificate is in its life.
    #[must_use]
    pub fn age_at(&self, now: SystemTime) -> CertificateAge {
        let life = self.until.duration_since(self.from).unwrap_or_default();
        match self.until.duration_since(now) {
            Err(_) => CertificateAge::Expired,
            Ok(_) if now < self.from => CertificateAge::NotYetValid,
            Ok(left) if left < SOON.min(life / 6) => CertificateAge::EndsSoon,
            Ok(_) => CertificateAge::Valid,
        }
    }

    /// Describes what is wrong with the age of the certificate, if anything.
    #[must_use]
    pub fn problem_at(&self, now: SystemTime) -> Option<String> {
        let day = |time: SystemTime| {
            let time = Timestamp::try_from(time).unwrap_or_default();
            time.strftime("%Y-%m-%d %H:%M UTC").to_string()
        };
        match self.age_at(now) {
            CertificateAge::Valid => None,
            CertificateAge::Expired => Some(format!("expired on {}", day(self.until))),
            CertificateAge::NotYetValid => Some(format!("is not valid before {}", day(self.from))),
            CertificateAge::EndsSoon => {
                let left = self.until.duration_since(now).unwrap_or_default();
                Some(match left.as_secs() / DAY.as_secs() {
                    0 => format!("expires within a day, on {}", day(self.until)),
                    1 => format!("expires in 1 day, on {}", day(self.until)),
                    days => format!("expires in {days} days, on {}", day(self.until)),
                })
            }
        }
    }
}

const INTEGER: u8 = 0x02;
const SEQUENCE: u8 = 0x30;

/// Takes an element with that tag off the front; returns its content and what follows.
fn element(der: &[u8], tag: u8) -> Option<(&[u8], &[u8])> {
    let (found, rest) = der.split_first()?;
    let (first, mut rest) = rest.split_first()?;
    let mut length = usize::from(*first);
    if length >= 0x80 {
        let (bytes, after) = rest.split_at_checked(length - 0x80).filter(|(bytes, _)| bytes.len() <= 4)?;
        length = bytes.iter().fold(0, |length, byte| length << 8 | usize::from(*byte));
        rest = after;
    }
    if *found == tag { rest.split_at_checked(length) } else { None }
}

fn time(der: &[u8]) -> Option<(SystemTime, &[u8])> {
    let (text, rest, century) = match *der.first()? {
        0x17 => {
            let (text, rest) = element(der, 0x17)?;
            // Two digits of a year stand for 1950 to 2049.
            (text, rest, if text.first()? >= &b'5' { "19" } else { "20" })
        }
        _ => element(der, 0x18).map(|(text, rest)| (text, rest, ""))?,
    };
    let text = format!("{century}{}", std::str::from_utf8(text).ok()?);
    let is_plain = text.len() == 15 && text.bytes().take(14).all(|byte| byte.is_ascii_digit());
    let time = DateTime::strptime("%Y%m%d%H%M%SZ", &text).ok().filter(|_| is_plain)?;
    let time = time.to_zoned(TimeZone::UTC).ok()?.timestamp();
    Some((SystemTime::from(time), rest))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn at(text: &str) -> SystemTime {
        SystemTime::from(text.parse::<Timestamp>().unwrap())
    }

    fn wrapped(tag: u8, content: &[u8]) -> Vec<u8> {
        let length = u16::try_from(content.len()).unwrap().to_be_bytes();
        [&[tag, 0x82][..], &length, content].concat()
    }

    fn certificate(version: &[u8], from: (u8, &str), until: (u8, &str)) -> Vec<u8> {
        let times = [wrapped(from.0, from.1.as_bytes()), wrapped(until.0, until.1.as_bytes())].concat();
        let fields =
            [&wrapped(INTEGER, b"1")[..], &wrapped(SEQUENCE, b""), &wrapped(SEQUENCE, b"ab")].concat();
        let body = [version, &fields, &wrapped(SEQUENCE, &times), b"more"].concat();
        wrapped(SEQUENCE, &[wrapped(SEQUENCE, &body), b"signature".to_vec()].concat())
    }

    #[test]
    fn the_time_of_a_certificate_is_read() {
        let version = wrapped(0xa0, &wrapped(INTEGER, b"\x02"));
        for version in [&version[..], b""] {
            let der = certificate(version, (0x17, "491231235959Z"), (0x18, "20501231235959Z"));
            let expected = Validity { from: at("2049-12-31T23:59:59Z"), until: at("2050-12-31T23:59:59Z") };
            assert_eq!(Validity::of_certificate(&der), Some(expected));
        }
        let der = certificate(b"", (0x17, "500101000000Z"), (0x17, "261127000000Z"));
        let expected = Validity { from: at("1950-01-01T00:00:00Z"), until: at("2026-11-27T00:00:00Z") };
        assert_eq!(Validity::of_certificate(&der), Some(expected));
        for bad in ["2611270000Z", "261327000000Z", "261127000000+", "261127 00000Z", ""] {
            assert_eq!(
                Validity::of_certificate(&certificate(b"", (0x17, bad), (0x17, "261127000000Z"))),
                None,
                "{bad}"
            );
        }
    }

    #[test]
    fn a_certificate_that_ends_soon_is_told_from_one_that_is_renewed_in_time() {
        let validity = |from, until| Validity { from: at(from), until: at(until) };
        let quarter = validity("2026-01-01T00:00:00Z", "2026-04-01T00:00:00Z");
        for (now, age) in [
            ("2025-12-31T00:00:00Z", CertificateAge::NotYetValid),
            ("2026-01-01T00:00:00Z", CertificateAge::Valid),
            ("2026-03-17T23:00:00Z", CertificateAge::Valid),
            ("2026-03-18T01:00:00Z", CertificateAge::EndsSoon),
            ("2026-04-01T00:00:01Z", CertificateAge::Expired),
        ] {
            assert_eq!(quarter.age_at(at(now)), age, "{now}");
        }
        let week = validity("2026-01-01T00:00:00Z", "2026-01-07T00:00:00Z");
        assert_eq!(week.age_at(at("2026-01-05T12:00:00Z")), CertificateAge::Valid);
        assert_eq!(week.age_at(at("2026-01-06T12:00:00Z")), CertificateAge::EndsSoon);
        let problem = week.problem_at(at("2026-01-06T12:00:00Z")).unwrap();
        assert_eq!(problem, "expires within a day, on 2026-01-07 00:00 UTC");
    }

    proptest! {
        #[test]
        fn no_bytes_are_too_odd(der in proptest::collection::vec(any::<u8>(), 0..80)) {
            let _ = Validity::of_certificate(&der);
            let _ = Validity::of_certificate(&[&[SEQUENCE, 0x20, SEQUENCE, 0x1e][..], &der].concat());
        }
    }
}
