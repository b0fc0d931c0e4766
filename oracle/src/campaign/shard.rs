//! One campaign in several parts, which may run beside one another on several machines.
//!
//! Each case is made from its own seed, so a part is a range of seeds. Of a campaign whose cases are counted each part has as many
//! as the others, or one more; together they are the campaign. Of one that only its time ends, the parts begin so far
//! from one another that none reaches the next.

use std::fmt;
use std::ops::Range;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// The most parts that a campaign has.
pub const MOST: u32 = 65_536;

/// From the beginning of a part to that of the next, where nobody knows how many cases there will be.
const APART: u64 = 1 << 32;

/// Which part of how many; written `2/8`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "Written")]
pub struct Part {
    index: u32,
    of: u32,
}

/// As it stands in a document.
#[derive(Deserialize)]
struct Written {
    index: u32,
    of: u32,
}

/// There is no such part.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a part is K/N, the K-th of N parts, with K from 1 to N and N at most {MOST}; for example 2/8")]
pub struct NoPart;

impl Part {
    /// The part of that number, from 1.
    ///
    /// # Errors
    /// There are not so many, or more than [`MOST`].
    pub fn new(index: u32, of: u32) -> Result<Part, NoPart> {
        if (1..=of).contains(&index) && of <= MOST { Ok(Part { index, of }) } else { Err(NoPart) }
    }

    /// Its number, from 1.
    pub fn index(self) -> u32 {
        self.index
    }

    /// How many there are.
    pub fn of(self) -> u32 {
        self.of
    }

    /// Which of so many cases it has, counted from 0.
    pub fn share(self, cases: u64) -> Range<u64> {
        self.before(cases, self.index - 1)..self.before(cases, self.index)
    }

    /// How many of them the first parts have.
    fn before(self, cases: u64, parts: u32) -> u64 {
        let all = u128::from(cases) * u128::from(parts) / u128::from(self.of);
        u64::try_from(all).unwrap_or(cases)
    }
}

impl TryFrom<Written> for Part {
    type Error = NoPart;

    fn try_from(written: Written) -> Result<Part, NoPart> {
        Part::new(written.index, written.of)
    }
}

impl FromStr for Part {
    type Err = NoPart;

    fn from_str(text: &str) -> Result<Part, NoPart> {
        let (index, of) = text.split_once('/').ok_or(NoPart)?;
        match (index.parse(), of.parse()) {
            (Ok(index), Ok(of)) => Part::new(index, of),
            _ => Err(NoPart),
        }
    }
}

impl fmt::Display for Part {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.index, self.of)
    }
}

/// A part of a certain campaign.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Shard {
    /// Which.
    #[serde(flatten)]
    pub part: Part,
    /// The seed of the campaign, which all its parts have.
    pub seed: u64,
    /// How many cases the campaign has at most; null: only its time ends it.
    pub cases: Option<u64>,
}

impl Shard {
    /// The seed of its first case.
    pub fn first(self) -> u64 {
        let before = match self.cases {
            Some(cases) => self.part.share(cases).start,
            None => APART * u64::from(self.part.index - 1),
        };
        self.seed.wrapping_add(before)
    }

    /// How many cases it has at most. None: only its time ends it.
    pub fn length(self) -> Option<u64> {
        let share = self.part.share(self.cases?);
        Some(share.end - share.start)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn part(text: &str) -> Part {
        text.parse().unwrap_or_else(|_| panic!("{text}"))
    }

    #[test]
    fn the_parts_of_a_campaign_are_all_of_it_and_alike() {
        for cases in [1, 2, 7, 20, 2_000, 65_535, 65_537, u64::MAX] {
            for of in [1, 2, 3, 7, 19, 65_535, 65_536] {
                let (mut next, mut lengths) = (0, Vec::new());
                for index in 1..=of {
                    let share = Part::new(index, of).unwrap().share(cases);
                    assert_eq!(share.start, next, "{index}/{of} of {cases}");
                    next = share.end;
                    lengths.push(share.end - share.start);
                }
                assert_eq!(next, cases, "of {of}");
                let (least, most) = (lengths.iter().min().unwrap(), lengths.iter().max().unwrap());
                assert!(most - least <= 1, "from {least} to {most} cases in {of} parts of {cases}");
            }
        }
        assert_eq!((part("2/3").share(20), part("1/1").share(5), part("1/2").share(1)), (6..13, 0..5, 0..0));
    }

    #[test]
    fn a_part_is_one_of_those_that_there_are() {
        for text in ["1/1", "1/2", "2/2", "65536/65536"] {
            assert_eq!(part(text).to_string(), text);
        }
        for text in
            ["", "1", "/", "1/", "/2", "0/2", "3/2", "1/0", "0/0", "1/65537", "-1/2", "1/2/3", "a/b", "1/4294967297"]
        {
            assert_eq!(text.parse::<Part>(), Err(NoPart), "{text}");
        }
        let read = |text: &str| serde_json::from_str::<Shard>(text).map_err(|error| error.to_string());
        let shard = Shard { part: part("2/3"), seed: 7, cases: None };
        let written = r#"{"index":2,"of":3,"seed":7,"cases":null}"#;
        assert_eq!((read(written), serde_json::to_string(&shard).unwrap().as_str()), (Ok(shard), written));
        assert!(read(&written.replace('2', "4")).is_err_and(|error| error.contains("K from 1 to N")));
    }

    #[test]
    fn a_part_begins_where_the_one_before_it_can_not_come() {
        let shard = |text: &str, seed, cases| Shard { part: part(text), seed, cases };
        assert_eq!((shard("1/2", 7, Some(20)).first(), shard("2/2", 7, Some(20)).first()), (7, 17));
        assert_eq!((shard("2/3", 7, Some(20)).length(), shard("2/3", 7, None).length()), (Some(7), None));
        assert_eq!((shard("1/3", 7, None).first(), shard("3/3", 7, None).first()), (7, 7 + (2 << 32)));
        assert_eq!(shard("65536/65536", 0, None).first(), 65_535 << 32);
        assert_eq!(shard("2/2", u64::MAX, Some(20)).first(), 9, "seeds go round");
    }
}
