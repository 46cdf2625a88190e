//! The saved state of a host whose interfaces get a new name every time.

use std::sync::Arc;
use std::time::Duration;

use geoip_exporter::accounting::{
    Account as _, Direction, FlowKey, InterfaceId, IpVersion, Origin, PollEnd,
    Timestamp, Volume,
};
use geoip_exporter::collectors::traffic::TrafficAccount;
use geoip_exporter::geoip::Country;
use geoip_exporter::state::{State, encode};

/// Lets these interfaces come, receive from two countries and go: six hundred
/// within an hour.
fn pass(account: &mut TrafficAccount, numbers: std::ops::Range<u32>) {
    for number in numbers {
        let interface = InterfaceId(0);
        let name = format!("veth{number:06}");
        account.name_interface(interface, &name.as_str().into());
        for code in ["DE", "US"] {
            let key = FlowKey {
                interface,
                direction: Direction::Received,
                ip_version: IpVersion::V4,
                class: 0,
                remote: [0; 16],
            };
            let volume = Volume { packets: 1_000, bytes: 1_000_000 };
            let country = Country::from_code(code).unwrap();
            account.credit(
                &key,
                volume,
                &Origin { country, ..Origin::default() },
            );
        }
        account.forget_interface(interface);
        if number % 20 == 19 {
            let second = 1_700_000_000 + u64::from(number) * 6;
            account.end_poll(PollEnd {
                at: Timestamp::from_millis(second * 1_000),
                uptime: Duration::from_secs(second),
                absent_retention: Some(Duration::from_secs(3_600)),
            });
        }
    }
}

#[test]
fn the_state_does_not_grow_with_the_names_there_ever_were() {
    let mut account = TrafficAccount::new();
    let mut size = |numbers| {
        pass(&mut account, numbers);
        let traffic = Arc::new(account.snapshot());
        encode(&State { traffic, ..State::default() }).len()
    };
    let first = size(0..4_000);
    assert_eq!(size(4_000..8_000), first);
    assert!(first < 1_000_000, "{first} bytes");
}
