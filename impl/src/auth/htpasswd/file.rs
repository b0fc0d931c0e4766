//! A file of users and the bcrypt hashes of their passwords, as Apache's `htpasswd -B` writes it.
//!
//! A line is `user:hash`; empty lines and those that begin with `#` say nothing. Anything that could be read in two ways, or
//! that lets nobody in, refuses the whole file: an operator should learn of it at once and not from a user.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::fmt;

use bcrypt::HashParts;

/// The largest cost that is taken: about four seconds of one core. Beyond it a guess costs the server more than the guesser.
const MAX_COST: u32 = 16;
const MIN_COST: u32 = 4;

/// What is wrong with a line. It never says what the line holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum LineError {
    /// It is not UTF-8.
    #[error("it is not UTF-8")]
    NotText,
    /// There is no colon in it, or nothing before it.
    #[error("it is not of the form user:hash")]
    NoUser,
    /// The user has a line before.
    #[error("its user has a line before it")]
    Again,
    /// The hash is none of bcrypt's.
    #[error("its hash is not bcrypt's; make it with `htpasswd -B`")]
    NotBcrypt,
    /// The hash takes too long to check, or no time at all.
    #[error("its hash has the cost {0}; it must be from 4 to 16")]
    Cost(u32),
}

/// The users and their hashes; at least one.
pub(super) struct Users {
    hashes: HashMap<String, String>,
    /// Nobody's. It costs as much as the costliest of the others.
    decoy: String,
}

/// There are hashes in it.
impl fmt::Debug for Users {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Users").field("users", &self.hashes.len()).finish_non_exhaustive()
    }
}

impl Users {
    /// Nothing if there is no user. An error comes with the number of its line, from 1.
    pub(super) fn parse(bytes: &[u8]) -> Result<Option<Self>, (usize, LineError)> {
        let mut hashes = HashMap::new();
        let mut highest = MIN_COST;
        for (line, number) in bytes.split(|byte| *byte == b'\n').zip(1..) {
            let line = std::str::from_utf8(line).map_err(|_| (number, LineError::NotText))?.trim();
            if line.is_empty() || line.starts_with('#') {
                continue;
            }
            let (user, hash) = match line.split_once(':') {
                None | Some(("", _)) => return Err((number, LineError::NoUser)),
                Some(entry) => entry,
            };
            let cost = cost(hash).map_err(|error| (number, error))?;
            match hashes.entry(user.to_owned()) {
                Entry::Occupied(_) => return Err((number, LineError::Again)),
                Entry::Vacant(entry) => entry.insert(hash.to_owned()),
            };
            highest = highest.max(cost);
        }
        // Any salt and hash will do: what it says is never believed.
        let decoy = format!("$2b${highest:02}${}", ".".repeat(53));
        Ok((!hashes.is_empty()).then_some(Self { hashes, decoy }))
    }

    /// Whether this is the user's password. It takes its time, also for a user who is not there. As with every bcrypt, only the
    /// first 72 bytes of a password count.
    pub(super) fn verify(&self, user: &str, password: &[u8]) -> bool {
        let hash = self.hashes.get(user);
        let matches = bcrypt::verify(password, hash.unwrap_or(&self.decoy)).unwrap_or(false);
        hash.is_some() && matches
    }
}

fn cost(hash: &str) -> Result<u32, LineError> {
    let parts: HashParts = hash.parse().map_err(|_| LineError::NotBcrypt)?;
    // `2x` marks hashes of a faulty bcrypt, which would be checked as if they were none.
    if hash.starts_with("$2x$") {
        return Err(LineError::NotBcrypt);
    }
    match parts.get_cost() {
        cost @ MIN_COST..=MAX_COST => Ok(cost),
        cost => Err(LineError::Cost(cost)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Of `secret`, at the lowest cost.
    const HASH: &str = "$2b$04$abcdefghijklmnopqrstuuSyy.A7dqHH8Nb1dUaASYHeoRDAp79R6";

    fn refused(text: impl AsRef<[u8]>) -> (usize, LineError) {
        Users::parse(text.as_ref()).unwrap_err()
    }

    #[test]
    fn users_are_let_in_by_their_own_password_only() {
        let other = bcrypt::hash("geheim", 4).unwrap().replacen("$2b$", "$2y$", 1);
        let text = format!("# people\n\n  alice:{}\r\nbob:{other}", bcrypt::hash("secret", 4).unwrap());
        let users = Users::parse(text.as_bytes()).unwrap().unwrap();
        assert!(users.verify("alice", b"secret"));
        assert!(users.verify("bob", b"geheim"));
        for (user, password) in
            [("alice", "geheim"), ("alice", ""), ("alice", "Secret"), ("bob", "secret"), ("Alice", "secret")]
        {
            assert!(!users.verify(user, password.as_bytes()), "{user} {password}");
        }
    }

    #[test]
    fn a_user_who_is_not_there_costs_as_much_as_the_costliest_and_gets_in_with_nothing() {
        let text = format!("a:{HASH}\nb:{}\n", HASH.replacen("04", "06", 1));
        let users = Users::parse(text.as_bytes()).unwrap().unwrap();
        assert_eq!(cost(&users.decoy), Ok(6));
        for password in ["", "secret", "."] {
            assert!(!users.verify("nobody", password.as_bytes()));
        }
    }

    #[test]
    fn a_line_that_cannot_be_used_is_named_and_not_shown() {
        for other in ["secret", "{SHA}5en6G6MezRroT3XKqkdPOmY/BfQ=", "$apr1$r31.....$HqJZimcKQFAMYayBlzkrA/", ""] {
            assert_eq!(refused(format!("# x\na:{HASH}\nb:{other}\n")), (3, LineError::NotBcrypt), "{other}");
        }
        assert_eq!(refused(format!("a:{HASH}:x")), (1, LineError::NotBcrypt));
        assert_eq!(refused(format!("a:{}", HASH.replacen("2b", "2x", 1))), (1, LineError::NotBcrypt));
        assert_eq!(refused(format!("a:{}", HASH.replace("ab", "a!"))), (1, LineError::NotBcrypt));
        assert_eq!(refused(format!("a:{}", HASH.replacen("04", "31", 1))), (1, LineError::Cost(31)));
        assert_eq!(refused(format!("a:{}", HASH.replacen("04", "03", 1))), (1, LineError::Cost(3)));
        assert_eq!(refused(format!("a:{HASH}\nb\n")), (2, LineError::NoUser));
        assert_eq!(refused(format!(":{HASH}")), (1, LineError::NoUser));
        assert_eq!(refused(format!("a:{HASH}\n\na:{HASH}")), (3, LineError::Again));
        assert_eq!(refused([b"a:", &[0xff][..]].concat()), (1, LineError::NotText));
    }

    #[test]
    fn a_file_without_users_is_none() {
        for text in ["", "\n\n", "# a:b\n"] {
            assert!(Users::parse(text.as_bytes()).unwrap().is_none());
        }
    }
}
