use super::*;

#[test]
fn interfaces_without_a_number_are_one_line() {
    let mut host = Host::new("any");
    let events =
        (0..LIMIT + 2).map(|i| host.add(10 + i, &format!("e{i}"))).collect();
    host.note(events);
    host.work();
    host.note(vec![]);
    host.work();
    let log = host.log();
    let said = "more interfaces than can be counted, error: at most 4 are \
        counted at the same time, counted: 4, left_out: 2";
    assert_eq!(log.matches(said).count(), 1, "{log}");
    assert!(!log.contains("is not counted"), "{log}");
    // One leaves; its number is free once it was polled.
    let event = host.remove(10);
    host.note(vec![event]);
    assert!(host.attachments.has_work());
    while host.attachments.has_work() {
        if host.attachments.waits_for_number(&host.attacher) {
            host.poll();
        }
        let _ =
            host.attachments.do_next(&mut host.attacher, &mut host.accounts);
    }
    assert_eq!(host.counted().len(), LIMIT as usize);
    assert_eq!(host.counted().last(), Some(&("e4".into(), 14)));
    assert_eq!(host.log().matches("left_out").count(), 1);
    // The last one is gone too, and all others are counted.
    let event = host.remove(15);
    host.note(vec![event]);
    let log = host.log();
    assert!(log.contains("every interface is counted again"), "{log}");
}

#[test]
fn interfaces_without_a_number_are_said_again_where_they_are_twice_as_many() {
    let mut host = Host::new("any");
    for index in 0..LIMIT + 8 {
        let event = host.add(10 + index, &format!("e{index}"));
        host.note(vec![event]);
        host.work();
    }
    let log = host.log();
    let said: Vec<_> = log
        .lines()
        .filter_map(|line| line.split("left_out: ").nth(1)?.split(',').next())
        .collect();
    assert_eq!(said, ["1", "2", "4", "8"], "{log}");
}

#[test]
fn a_link_that_goes_down_or_up_is_said_of_what_is_counted() {
    let mut host = Host::new("a");
    let events = vec![host.add(2, "a"), host.add(3, "b")];
    host.note(events);
    host.work();
    let link = |ifindex, name, is_running| match changed(ifindex, name) {
        InterfaceEvent::Changed(device) => Interface { is_running, ..device },
        _ => unreachable!(),
    };
    let down = InterfaceEvent::Changed(link(2, "a", false));
    host.note(vec![down.clone(), InterfaceEvent::Changed(link(3, "b", false))]);
    host.note(vec![down]);
    let log = host.log();
    assert_eq!(log.matches("link down, interface: a").count(), 1, "{log}");
    assert!(!log.contains("interface: b"), "{log}");
    // Also if the event was lost.
    let all = vec![link(2, "a", true), link(3, "b", true)];
    host.note(vec![InterfaceEvent::Listed(all)]);
    let log = host.log();
    assert_eq!(log.matches("link up, interface: a").count(), 1, "{log}");
}
