use super::*;

/// 2026-11-29T12:00:00Z.
const NOON: i64 = 1_795_953_600;

fn asked(flags: &ReportArguments) -> Result<(String, String), String> {
    let zone = Zone::default();
    let asked = Asked::of(flags, &zone, NOON)?;
    let day = |at: i64| zone.clock(at)[..16].to_owned();
    Ok((day(asked.question.since), day(asked.question.until)))
}

fn span(since: &str, until: &str) -> Result<(String, String), String> {
    Ok((since.to_owned(), until.to_owned()))
}

#[test]
fn days_are_read_in_every_form() {
    let since = |text: &str| ReportArguments {
        since: Some(text.into()),
        ..ReportArguments::default()
    };
    for (text, first) in [
        ("2026-11-01", "2026-11-01 00:00"),
        ("2026-02", "2026-02-01 00:00"),
        ("today", "2026-11-29 00:00"),
        ("yesterday", "2026-11-28 00:00"),
        ("1d", "2026-11-29 00:00"),
        ("7d", "2026-11-23 00:00"),
    ] {
        assert_eq!(asked(&since(text)), span(first, "2026-11-29 12:00"));
    }
    for text in ["", "0d", "7", "2026-13", "2026-02-30", "1w", "-3d", "2027-01"]
    {
        let fault = asked(&since(text)).unwrap_err();
        assert!(fault.starts_with("--since"), "{fault}");
    }
    let until =
        ReportArguments { until: Some("2026-02".into()), ..since("2026-02") };
    assert_eq!(asked(&until), span("2026-02-01 00:00", "2026-03-01 00:00"));
}

#[test]
fn without_days_the_length_decides() {
    for (length, by, first) in [
        (None, None, "2026-10-31 00:00"),
        (Some(Length::Hour), None, "2026-11-28 12:00"),
        (Some(Length::Day), None, "2026-10-31 00:00"),
        (Some(Length::Month), None, "2025-12-01 00:00"),
        (None, Some("country"), "2026-11-01 00:00"),
        (Some(Length::Day), Some("country"), "2026-11-29 00:00"),
        (Some(Length::Month), Some("network"), "2026-11-01 00:00"),
    ] {
        let by = by.map(str::to_owned);
        let flags = ReportArguments { length, by, ..Default::default() };
        assert_eq!(asked(&flags).unwrap().0, first, "{length:?}");
    }
}

#[test]
fn an_interface_of_what_is_counted_once_is_refused() {
    for by in ["network", "range", "service"] {
        let flags = ReportArguments {
            by: Some(by.into()),
            interface: Some("eth0".into()),
            ..ReportArguments::default()
        };
        let fault = asked(&flags).unwrap_err();
        assert!(fault.starts_with("--interface has no meaning"), "{fault}");
    }
}

#[test]
fn a_limit_needs_subjects() {
    let flags =
        ReportArguments { limit: Some("3".into()), ..Default::default() };
    let fault = asked(&flags).unwrap_err();
    assert!(fault.starts_with("--limit needs --by"), "{fault}");
    let flags = ReportArguments { by: Some("range".into()), ..flags };
    assert!(asked(&flags).is_ok());
}
