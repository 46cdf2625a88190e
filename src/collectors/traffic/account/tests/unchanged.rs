//! An account that has not changed is not published again.

use std::time::Duration;

use super::*;
use crate::metrics::published::{Feed, Sink as _};

/// An account with traffic, and the work of every poll.
struct Polled {
    feed: Feed<TrafficAccount>,
    tracker: TotalsTracker,
    seconds: u64,
    totals: Vec<InterfaceTotal>,
}

impl Polled {
    fn new() -> Self {
        let mut account = named(&[(1, "eth0"), (2, "eth1")]);
        receive(&mut account, 1, "DE", volume(1, 10));
        let totals = vec![
            total(1, V4, volume(2, 30)),
            total(1, Family::NonIp, volume(1, 60)),
            total(2, V4, volume(0, 0)),
        ];
        let Accounted { account, totals: tracker } = account;
        let feed = Feed::new(account);
        let mut polled = Self { feed, tracker, seconds: 0, totals };
        assert!(polled.publishes());
        polled
    }

    /// Ends a poll, and returns whether it published a snapshot.
    fn publishes(&mut self) -> bool {
        let before = self.feed.reader().version();
        self.seconds += 1;
        let mut rests = Vec::new();
        self.tracker.observe(&self.totals, &mut rests);
        self.feed.credit_rests(&rests);
        self.feed.end_poll(PollEnd {
            at: Timestamp::from_millis(self.seconds * 1_000),
            uptime: Duration::from_secs(self.seconds),
            absent_retention: Some(Duration::from_secs(3)),
        });
        self.feed.publish();
        self.feed.reader().version() != before
    }
}

#[test]
fn a_poll_without_news_publishes_nothing() {
    let mut polled = Polled::new();
    let before = polled.feed.reader().get();
    for _ in 0..10 {
        assert!(!polled.publishes());
    }
    assert!(Arc::ptr_eq(&before, &polled.feed.reader().get()));
}

#[test]
fn everything_new_is_published_once() {
    type Change = fn(&mut Polled);
    let changes: [Change; 6] = [
        |polled| {
            let origin = Origin { country: country("DE"), ..Origin::default() };
            let key = FlowKey {
                interface: InterfaceId(1),
                direction: Direction::Sent,
                ip_version: IpVersion::V6,
                class: 0,
                remote: [0; 16],
            };
            polled.feed.credit(&key, volume(1, 1), &origin);
        },
        // More unattributed packets, more of other protocols, a first packet.
        |polled| polled.totals[0].volume += volume(1, 1),
        |polled| polled.totals[1].volume += volume(1, 1),
        |polled| polled.totals[2].volume += volume(1, 1),
        |polled| polled.feed.name_interface(InterfaceId(2), &"wan".into()),
        |polled| polled.feed.label_countries(&labels().into()),
    ];
    let mut polled = Polled::new();
    for (number, change) in changes.into_iter().enumerate() {
        change(&mut polled);
        assert!(polled.publishes(), "change {number}");
        // The name that is gone may end its retention later.
        if number < 4 {
            assert!(!polled.publishes(), "change {number}");
        }
    }
}

/// The end of the retention is no packet, but it takes series away.
#[test]
fn an_interface_that_goes_is_published_twice() {
    let mut polled = Polled::new();
    polled.totals.truncate(2);
    polled.feed.forget_interface(InterfaceId(1));
    polled.feed.forget_interface(InterfaceId(2));
    polled.totals.clear();
    let published = [(); 8].map(|()| polled.publishes());
    let twice = [true, false, false, false, true, false, false, false];
    assert_eq!(published, twice);
    assert_eq!(polled.feed.reader().get().remembered.len(), 1);
}
