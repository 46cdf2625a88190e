use std::collections::BTreeMap;

use proptest::prelude::*;

use super::*;

fn volume() -> impl Strategy<Value = Volume> {
    (0..=LARGEST, 0..=LARGEST)
        .prop_map(|(packets, bytes)| Volume { packets, bytes })
}

fn breakdown() -> impl Strategy<Value = Breakdown> {
    prop::array::uniform4(volume()).prop_map(|volumes| {
        let mut volumes = volumes.into_iter();
        Breakdown::of(|_, _| volumes.next().unwrap())
    })
}

type Content = (BTreeMap<String, Breakdown>, Breakdown, [Volume; 2]);

fn interface((name, content): (String, Content)) -> InterfaceTraffic {
    let (countries, unattributed, non_ip) = content;
    let mut countries: Vec<_> = countries
        .into_iter()
        .map(|(code, volume)| {
            let country = Country::from_code(&code).unwrap_or_default();
            CountryTraffic { country, volume }
        })
        .collect();
    countries.sort_by_key(|traffic| traffic.country);
    InterfaceTraffic::new(name.into(), countries, unattributed, non_ip)
}

fn state() -> impl Strategy<Value = State> {
    let countries = prop::collection::btree_map("[A-Z]{2}|", breakdown(), 0..4);
    let content = (countries, breakdown(), prop::array::uniform2(volume()));
    let interfaces = prop::collection::btree_map(".{0,20}", content, 0..4);
    let numbers = prop::array::uniform8(0..=LARGEST);
    (interfaces, numbers).prop_map(|(interfaces, numbers)| {
        let [packets, polls @ ..] = numbers;
        let interfaces = interfaces.into_iter().map(interface).collect();
        State {
            polls: PollCounters {
                poll_failures: polls[0],
                lookup_failures: polls[1],
                update_failures: polls[2],
                map_packets: polls[3],
                new_keys: polls[4],
                evictions: polls[5],
                table_reclaims: polls[6],
            },
            traffic: Arc::new(Snapshot { packets, interfaces }),
        }
    })
}

/// Returns a body as a whole file.
fn whole(body: &[u8]) -> Vec<u8> {
    let mut bytes = MAGIC.to_vec();
    bytes.extend_from_slice(&VERSION.to_le_bytes());
    bytes.extend_from_slice(digest(&SHA256, body).as_ref());
    bytes.extend_from_slice(body);
    bytes
}

proptest! {
    #[test]
    fn a_state_comes_back_as_it_was(state in state()) {
        prop_assert_eq!(decode(&encode(&state)), Ok(state));
    }

    #[test]
    fn a_flipped_bit_is_found(
        state in state(),
        place in any::<prop::sample::Index>(),
        bit in 0..8,
    ) {
        let mut bytes = encode(&state);
        let place = place.index(bytes.len());
        bytes[place] ^= 1u8 << bit;
        prop_assert!(decode(&bytes).is_err());
    }

    #[test]
    fn what_is_cut_short_or_goes_on_is_found(
        state in state(),
        place in any::<prop::sample::Index>(),
        more in prop::collection::vec(any::<u8>(), 1..9),
    ) {
        let mut bytes = encode(&state);
        prop_assert!(decode(&bytes[..place.index(bytes.len())]).is_err());
        bytes.extend(more);
        prop_assert_eq!(decode(&bytes), Err(Fault::Checksum));
    }

    /// Even where the checksum is right: each state has one form.
    #[test]
    fn a_body_that_is_read_is_the_one_that_would_be_written(
        state in state(),
        places in prop::collection::vec(
            (any::<prop::sample::Index>(), any::<u8>()), 0..3),
        end in any::<prop::sample::Index>(),
    ) {
        let mut body = encode_body(&state);
        for (place, byte) in places {
            let place = place.index(body.len());
            body[place] = byte;
        }
        body.truncate(end.index(body.len()) + 1);
        let bytes = whole(&body);
        if let Ok(state) = decode(&bytes) {
            prop_assert_eq!(encode(&state), bytes);
        }
    }

    #[test]
    fn any_bytes_are_a_state_or_a_fault(
        bytes in prop::collection::vec(any::<u8>(), 0..300),
    ) {
        let _ = decode(&bytes);
        let _ = decode(&whole(&bytes));
    }
}

#[test]
fn each_fault_is_named() {
    let good = encode(&State::default());
    assert_eq!(decode(b"<html>"), Err(Fault::Foreign));
    assert_eq!(decode(b""), Err(Fault::Truncated));
    assert_eq!(decode(&good[..MAGIC.len() + 9]), Err(Fault::Truncated));
    assert_eq!(decode(&good[..good.len() - 1]), Err(Fault::Checksum));
    let mut later = good;
    later[MAGIC.len()] = 9;
    let fault = decode(&later).unwrap_err();
    assert_eq!(fault, Fault::Version(9));
    assert!(fault.to_string().contains("only version 1"), "{fault}");
    assert_eq!(decode(&whole(b"abc")), Err(Fault::Malformed));
}

/// Counting on from it would overflow sooner or later.
#[test]
fn a_counter_that_nothing_could_have_counted_is_malformed() {
    let traffic = Snapshot { packets: LARGEST + 1, interfaces: Vec::new() };
    let state = State { traffic: Arc::new(traffic), ..State::default() };
    assert_eq!(decode(&encode(&state)), Err(Fault::Malformed));
}
