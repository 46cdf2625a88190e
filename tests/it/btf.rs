//! Reads the BTF of a compiled object: the part that tells the layout of
//! structs, the numbers of enums and the variables of sections.

use std::collections::BTreeMap;

/// Kinds of types, by their numbers in linux/btf.h.
const INT: u32 = 1;
const POINTER: u32 = 2;
const ARRAY: u32 = 3;
const STRUCT: u32 = 4;
const UNION: u32 = 5;
const ENUM: u32 = 6;
const FUNCTION_PROTOTYPE: u32 = 13;
const VARIABLE: u32 = 14;
const SECTION: u32 = 15;
const DECLARATION_TAG: u32 = 17;
const ENUM64: u32 = 19;

/// A named part of a struct or a section: its offset and size in bytes.
pub(crate) type Field = (String, usize, usize);

/// What `.BTF` says. Numbers are little-endian, as the BPF target of every
/// machine the tests run on.
pub(crate) struct Btf {
    /// From 1 on, as types refer to each other.
    types: Vec<Type>,
}

struct Type {
    name: String,
    kind: u32,
    /// Or the number of the type it is made of.
    size: usize,
    /// What follows the head, in words.
    words: Vec<u32>,
    members: Vec<Member>,
}

struct Member {
    name: String,
    words: Vec<u32>,
}

impl Btf {
    pub(crate) fn parse(bytes: &[u8]) -> Self {
        let word = |at: usize| {
            u32::from_le_bytes(bytes[at..at + 4].try_into().unwrap())
        };
        let place = |at| usize::try_from(word(at)).unwrap();
        assert_eq!(bytes[..2], [0x9F, 0xEB], "this is no BTF");
        let (head, types, strings) = (place(4), place(8), place(16));
        let name = |at: usize| {
            let text = &bytes[head + strings + place(at)..];
            let end = text.iter().position(|&byte| byte == 0).unwrap();
            String::from_utf8(text[..end].to_vec()).unwrap()
        };
        let mut all = Vec::new();
        let mut at = head + types;
        while at < head + types + place(12) {
            let info = word(at + 4);
            let (kind, members) = (info >> 24 & 0x1F, info & 0xFFFF);
            let (words, member_words) = match kind {
                INT | VARIABLE | DECLARATION_TAG => (1, 0),
                ARRAY => (3, 0),
                STRUCT | UNION | SECTION | ENUM64 => (0, 3),
                ENUM | FUNCTION_PROTOTYPE => (0, 2),
                _ => (0, 0),
            };
            let has_names = matches!(kind, STRUCT | UNION | ENUM | ENUM64);
            let mut next = at + 12;
            let mut take = |count: usize| {
                let from = next;
                next += 4 * count;
                (from..next).step_by(4).map(word).collect::<Vec<u32>>()
            };
            let words = take(words);
            let members = match member_words {
                0 => Vec::new(),
                count => (0..members).map(|_| take(count)).collect(),
            };
            let end = next;
            let member_bytes = 4 * member_words;
            let first = end - members.len() * member_bytes;
            let members = members.into_iter().enumerate().map(|(i, words)| {
                let name = match has_names {
                    true => name(first + i * member_bytes),
                    false => String::new(),
                };
                Member { name, words }
            });
            let members = members.collect();
            all.push(Type {
                name: name(at),
                kind,
                size: place(at + 8),
                words,
                members,
            });
            at = end;
        }
        Self { types: all }
    }

    fn get(&self, id: u32) -> &Type {
        &self.types[usize::try_from(id).unwrap() - 1]
    }

    fn size(&self, id: u32) -> usize {
        let one = self.get(id);
        match one.kind {
            INT | STRUCT | UNION | ENUM | ENUM64 => one.size,
            POINTER => 8,
            ARRAY => {
                self.size(one.words[0]) * usize::try_from(one.words[2]).unwrap()
            }
            // A name or a qualifier of another type.
            _ => self.size(u32::try_from(one.size).unwrap()),
        }
    }

    fn named(&self, kind: u32) -> impl Iterator<Item = &Type> {
        self.types.iter().filter(move |one| one.kind == kind)
    }

    /// Returns the structs whose name begins so, each with its size and its
    /// fields.
    pub(crate) fn structs(
        &self,
        prefix: &str,
    ) -> BTreeMap<String, (usize, Vec<Field>)> {
        self.named(STRUCT)
            .filter(|one| one.name.starts_with(prefix))
            .map(|one| {
                let fields = one.members.iter().map(|member| {
                    let bits = usize::try_from(member.words[2]).unwrap();
                    assert_eq!(bits % 8, 0, "{} is a bit-field", member.name);
                    let size = self.size(member.words[1]);
                    (member.name.clone(), bits / 8, size)
                });
                (one.name.clone(), (one.size, fields.collect()))
            })
            .collect()
    }

    /// Returns the enums whose name begins so, each with its names and
    /// numbers.
    pub(crate) fn enums(
        &self,
        prefix: &str,
    ) -> BTreeMap<String, Vec<(String, u32)>> {
        self.named(ENUM)
            .filter(|one| one.name.starts_with(prefix))
            .map(|one| {
                let values = one
                    .members
                    .iter()
                    .map(|member| (member.name.clone(), member.words[1]));
                (one.name.clone(), values.collect())
            })
            .collect()
    }

    /// Returns the variables of a section with their sizes.
    pub(crate) fn variables(&self, section: &str) -> BTreeMap<String, usize> {
        let section = self
            .named(SECTION)
            .find(|one| one.name == section)
            .unwrap_or_else(|| panic!("there is no section {section}"));
        section
            .members
            .iter()
            .map(|member| {
                let name = self.get(member.words[0]).name.clone();
                (name, usize::try_from(member.words[2]).unwrap())
            })
            .collect()
    }
}
