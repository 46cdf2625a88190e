//! The page at `/` in a real browser, beside the metrics of the same daemon.

use std::collections::BTreeMap;
use std::fs;
use std::net::IpAddr;

use serde_json::{Value, json};
use tempfile::TempDir;

use crate::harness::browser::Browser;
use crate::harness::countries::{CODES, address, database};
use crate::harness::daemon::{Daemon, Setup};
use crate::harness::exposition::Scrape;
use crate::harness::fixtures::{LOCAL4, LOCAL6};
use crate::harness::frames::Packet;
use crate::harness::lab::{Lab, WAN};
use crate::services::services;

/// A window of a usual size.
const WINDOW: [u32; 2] = [1440, 900];

/// The same after a restart.
const ADDRESS: &str = "127.0.0.1:9300";

/// Starts a daemon, and returns its address as the browser beside it sees it.
fn start(lab: &Lab) -> (Daemon, String) {
    (setup(lab).start(), format!("http://{ADDRESS}/"))
}

/// Starts with some traffic, and a browser that shows its totals.
fn show_totals(lab: &Lab) -> (Daemon, String, Browser) {
    let (daemon, address) = start(lab);
    talk(lab, &daemon);
    let browser = Browser::start(&lab.machine, WINDOW);
    choose(&browser, &address, "time=total");
    (daemon, address, browser)
}

fn setup(lab: &Lab) -> Setup {
    let setup = Setup::new(&lab.machine);
    let file = setup.path("countries.mmdb");
    fs::write(&file, database()).unwrap();
    setup
        .set("interfaces", WAN)
        .set("listen_address", ADDRESS)
        .set("host", true)
        .set("connections", true)
        .set("geoip_db", file.to_str().unwrap())
}

/// Sends packets of forty countries, both ways and of both IP versions, and
/// returns once all are counted.
pub(crate) fn talk(lab: &Lab, daemon: &Daemon) {
    let (inbound, outbound) = (lab.inbound(), lab.outbound());
    let mut bytes = [0, 0];
    for number in 0..40_u16 {
        for version in [4, 6] {
            let far = address(number.into(), 1, version);
            let local: IpAddr = match version {
                4 => LOCAL4.into(),
                _ => LOCAL6.into(),
            };
            let length = usize::from(number) * 7;
            let frame = Packet::new(far, local).payload(length).frame();
            bytes[0] += inbound.repeat(&frame, 3).bytes;
            let frame = Packet::new(local, far).payload(length).frame();
            bytes[1] += outbound.repeat(&frame, 2).bytes;
        }
    }
    for (direction, bytes) in ["received", "sent"].into_iter().zip(bytes) {
        let name = format!("geoip_bytes_{direction}_total");
        daemon.await_sum(&name, &[], bytes);
    }
}

/// Returns the exact values of the rows of the table.
fn rows(browser: &Browser) -> BTreeMap<String, u64> {
    let rows = browser.run(
        "return [...document.querySelectorAll('#list tbody tr')]\
         .map(row => [row.country, row.value]);",
    );
    let rows = rows.as_array().unwrap().iter();
    let row = |row: &Value| {
        (row[0].as_str().unwrap().to_owned(), row[1].as_u64().unwrap())
    };
    rows.map(row).collect()
}

/// Returns the sums of a counter of the page of metrics by country, with
/// those of no country.
fn sums(scrape: &Scrape, kind: &str, ways: &[&str]) -> BTreeMap<String, u64> {
    let mut sums: BTreeMap<String, u64> = BTreeMap::new();
    for way in ways {
        let name = format!("geoip_{kind}_{way}_total");
        for country in scrape.values_of(&name, "country") {
            *sums.entry(country.to_owned()).or_default() +=
                scrape.sum(&name, &[("country", country)]);
        }
        for rest in ["unattributed", "non_ip"] {
            let name = format!("geoip_{rest}_{kind}_{way}_total");
            *sums.entry(rest.into()).or_default() += scrape.sum(&name, &[]);
        }
    }
    sums
}

/// Opens a choice, and waits until its answer is shown.
fn choose(browser: &Browser, address: &str, query: &str) {
    browser.open(&format!("{address}?{query}"));
    browser.await_script(
        "the page is ready",
        "return document.documentElement.dataset.ready === 'true';",
    );
}

#[test]
fn the_page_adds_up_to_the_metrics() {
    let lab = Lab::new();
    let (daemon, address) = start(&lab);
    talk(&lab, &daemon);
    daemon.await_polls();
    let browser = Browser::start(&lab.machine, WINDOW);
    let both = ["received", "sent"];
    for kind in ["bytes", "packets"] {
        for (way, ways) in [
            ("both", &both[..]),
            ("received", &both[..1]),
            ("sent", &both[1..]),
        ] {
            choose(
                &browser,
                &address,
                &format!("show={kind}&way={way}&time=total&interface={WAN}"),
            );
            let shown = rows(&browser);
            assert_eq!(shown, sums(&daemon.scrape(), kind, ways), "{kind}");
            let all = browser
                .run("return document.querySelector('#list tfoot tr').value;");
            assert_eq!(Some(shown.values().sum::<u64>()), all.as_u64());
            assert!(shown.len() >= 40, "{shown:?}");
        }
    }

    // Every country has a shape, and those with traffic are shaded.
    let shaded = browser.run(
        "return [...document.querySelectorAll('#shapes [data-shade]')]\
         .map(shape => shape.dataset.country).sort();",
    );
    assert_eq!(shaded, json!(CODES[..40]));

    // Buttons are as good as an address.
    choose(&browser, &address, "");
    browser.run(
        "[...document.querySelectorAll('button.way')]\
         .find(button => button.textContent === 'Total').click();",
    );
    browser.run(
        "document.querySelector('#shapes [data-country=DE]')\
         .dispatchEvent(new MouseEvent('click', { bubbles: true }));",
    );
    let query = browser.run("return location.search;");
    assert_eq!(query, json!("?time=total&country=DE"));
    let heading = browser.await_script(
        "the country",
        "return document.querySelector('#detail h2')?.textContent;",
    );
    assert_eq!(heading, json!("Germany (DE)"));
    assert_eq!(browser.console(), Vec::<String>::new());
}

/// Scrolls the table to a place, and returns two frames later the number of
/// rows in sight, and whether they are the largest from the first of them on.
/// Every country must have one row.
const SCROLL: &str = "\
    const frame = document.getElementById('list');\
    const rows = [...document.querySelectorAll('#list tbody tr')];\
    const look = () => {\
        const box = frame.getBoundingClientRect();\
        const seen = rows.filter((row) => {\
            const { top, bottom } = row.getBoundingClientRect();\
            return bottom > box.top && top < box.bottom;\
        });\
        const order = rows.map((row) => row.value).sort((a, b) => b - a);\
        const first = rows.indexOf(seen[0]);\
        const isRight = (row, place) => row.value === order[first + place]\
            && row.textContent.includes('B');\
        const countries = new Set(rows.map((row) => row.country));\
        return [seen.length, seen.every(isRight), countries.size];\
    };\
    frame.scrollTop = PLACE;\
    return new Promise((done) => requestAnimationFrame(() =>\
        requestAnimationFrame(() => done(look()))));";

#[test]
fn rows_in_sight_are_in_order_wherever_the_table_is_scrolled() {
    let lab = Lab::new();
    let (daemon, page) = start(&lab);
    talk(&lab, &daemon);
    let browser = Browser::start(&lab.machine, WINDOW);
    choose(&browser, &page, "time=total");
    let before: u64 = rows(&browser).values().sum();

    // The smallest countries become the largest.
    let inbound = lab.inbound();
    let more: u64 = (0..40)
        .map(|number| {
            let far = address(number, 1, 4);
            let frame =
                Packet::new(far, IpAddr::from(LOCAL4)).payload(1_400).frame();
            inbound.repeat(&frame, 5 * (40 - number)).bytes
        })
        .sum();
    let script = format!(
        "return document.querySelector('#list tfoot tr').value === {};",
        before + more
    );
    browser.await_script("all is shown", &script);
    for place in ["99999", "400", "0"] {
        let seen = browser.run(&SCROLL.replace("PLACE", place));
        let count = seen[0].as_u64().unwrap();
        assert!((9..30).contains(&count), "{place}: {seen}");
        assert_eq!(seen[1], json!(true), "{place}: {seen}");
        assert_eq!(seen[2], json!(42), "{place}: {seen}");
    }
}

#[test]
fn the_page_stays_when_the_daemon_goes_and_goes_on_when_it_returns() {
    let lab = Lab::new();
    let (daemon, address, browser) = show_totals(&lab);
    let before = rows(&browser);
    drop(daemon);
    browser.await_script(
        "the page tells that there is no answer",
        "return document.querySelector('#state.gone')?.textContent\
         .startsWith('No answer from the exporter since');",
    );
    assert_eq!(rows(&browser), before);
    browser.await_script("the age of the numbers", AGE);
    // Another one, which counts from zero.
    let (_daemon, again) = start(&lab);
    assert_eq!(again, address);
    await_live(&browser);
    assert_eq!(rows(&browser).values().sum::<u64>(), 0);
    let nothing = "return !document.querySelector('#nothing').hidden;";
    assert_eq!(browser.run(nothing), json!(true));
}

fn await_live(browser: &Browser) {
    browser.await_script(
        "the page is live",
        "return document.querySelector('#state.live') !== null;",
    );
}

/// Returns whether the page says how old its numbers are.
const AGE: &str = "\
    return / The numbers shown are \\d+ seconds? old\\.$/\
        .test(document.querySelector('#state.gone')?.textContent);";

#[test]
fn an_answer_that_is_a_fault_is_shown_with_the_age_of_the_numbers() {
    let lab = Lab::new();
    let (_daemon, _, browser) = show_totals(&lab);
    let before = rows(&browser);
    // The disk of the state directory hangs.
    browser.run(
        "window.asked = window.fetch;\
         window.fetch = async () => new Response(\
            '503: the disk does not answer', { status: 503 });",
    );
    browser.await_script("the age of the numbers", AGE);
    let state = "return document.querySelector('#state').textContent;";
    let said = browser.run(state);
    let said = said.as_str().unwrap();
    assert!(said.starts_with("503: the disk does not answer. The "), "{said}");
    assert_eq!(rows(&browser), before);
    browser.run("window.fetch = window.asked;");
    await_live(&browser);
    let said = browser.run(state);
    assert!(said.as_str().unwrap().starts_with("As of "), "{said}");
}

#[test]
fn an_update_asks_for_each_page_once() {
    let lab = Lab::new();
    let _daemon =
        setup(&lab).set("service", services(&[("web", &["80/tcp"])])).start();
    let browser = Browser::start(&lab.machine, WINDOW);
    let address = format!("http://{ADDRESS}/");
    choose(&browser, &address, "time=total&service=web");
    // Where the foot is in sight, each update asks for all that it shows.
    browser.run("document.querySelector('footer').scrollIntoView();");
    let asked = browser.await_script(
        "five updates",
        "const names = performance.getEntriesByType('resource')\
            .map((entry) => entry.name);\
         const count = (page) => names\
            .filter((name) => name.endsWith('api/v1/' + page)).length;\
         const found = ['countries', 'services', 'summary'].map(count);\
         return found[0] >= 5 && found;",
    );
    // An update may have begun.
    let [countries, services, summary] =
        [0, 1, 2].map(|at| asked[at].as_u64().unwrap());
    assert!(summary + 2 >= countries, "{asked}");
    assert!(services.abs_diff(countries) <= 1, "{asked}");
}

/// Returns the sums of a counter by country.
fn by_country(scrape: &Scrape, names: &[&str]) -> BTreeMap<String, u64> {
    let mut sums = BTreeMap::new();
    for name in names {
        for country in scrape.values_of(name, "country") {
            *sums.entry(country.to_owned()).or_default() +=
                scrape.sum(name, &[("country", country)]);
        }
    }
    sums
}

/// Returns the growth that the bars of the history show, in each direction.
fn bars(browser: &Browser) -> Value {
    browser.await_script(
        "bars of the history",
        "const texts = [...document.querySelectorAll('.bars li')]\
         .map(bar => bar.title).filter(text => !text.includes(': 0 B'));\
         return texts.length ? texts : null;",
    )
}

#[test]
fn every_part_that_is_on_is_on_the_page() {
    let lab = Lab::new();
    let folder = TempDir::new().unwrap();
    let everything = || {
        let web = services(&[("web", &["40000-40001/udp"])]);
        setup(&lab)
            .set("counted_once", WAN)
            .set("remote_hosts", true)
            .set("quota", "1MB")
            .set("service", web)
            .set("state_directory", folder.path().to_str().unwrap())
    };
    let (daemon, address) =
        (everything().start(), format!("http://{ADDRESS}/"));
    talk(&lab, &daemon);
    // The end writes the history.
    drop(daemon);
    let daemon = everything().start();
    daemon.await_polls();
    let browser = Browser::start(&lab.machine, WINDOW);
    choose(&browser, &address, "time=total&service=web&country=DE&past=hour");

    // The bytes of a service, as those of the metrics.
    let both = ["received", "sent"]
        .map(|way| format!("geoip_service_bytes_{way}_total"));
    let mut shown = rows(&browser);
    shown.retain(|_, bytes| *bytes > 0);
    let names = [both[0].as_str(), &both[1]];
    assert_eq!(shown, by_country(&daemon.scrape(), &names));
    assert!(shown.len() >= 40, "{shown:?}");

    // The part for a country.
    let headings = browser.await_script(
        "the hosts of the country",
        "const all = [...document.querySelectorAll('#detail section h2')]\
         .map(heading => heading.textContent);\
         return all.includes('Hosts') ? all : null;",
    );
    let parts = ["Traffic", "Networks", "Hosts", "Services of this machine"];
    for part in parts {
        assert!(headings.as_array().unwrap().contains(&json!(part)), "{part}");
    }
    let detail = detail_text(&browser);
    assert!(detail.contains("198.18.12.1"), "{detail}");

    // The history and the quota.
    let of_country = bars(&browser);
    choose(&browser, &address, "past=hour");
    let of_all = bars(&browser);
    assert_ne!(of_all, of_country);
    let quota =
        browser.run("return document.querySelector('.quota').textContent;");
    let quota = quota.as_str().unwrap().to_owned();
    let used = daemon.scrape().sum("geoip_quota_used_bytes", &[]);
    assert!(used > 0 && quota.contains("of 977\u{a0}KiB"), "{quota}");
    assert_eq!(browser.console(), Vec::<String>::new());
}

/// Returns the text of the part for a country.
fn detail_text(browser: &Browser) -> String {
    let text =
        browser.run("return document.querySelector('#detail').textContent;");
    text.as_str().unwrap().to_owned()
}
