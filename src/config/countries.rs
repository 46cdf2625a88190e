//! The codes of countries, and lists of them.
//!
//! Pure: no I/O, clock, threads or logging.

#![forbid(unsafe_code)]

use figment::value::Value;

use super::values::{Fault, quoted};

/// The codes of ISO 3166-1, and XK, which databases use for Kosovo.
const CODES: &str = "\
    AD AE AF AG AI AL AM AO AQ AR AS AT AU AW AX AZ \
    BA BB BD BE BF BG BH BI BJ BL BM BN BO BQ BR BS BT BV BW BY BZ \
    CA CC CD CF CG CH CI CK CL CM CN CO CR CU CV CW CX CY CZ \
    DE DJ DK DM DO DZ EC EE EG EH ER ES ET FI FJ FK FM FO FR \
    GA GB GD GE GF GG GH GI GL GM GN GP GQ GR GS GT GU GW GY \
    HK HM HN HR HT HU ID IE IL IM IN IO IQ IR IS IT JE JM JO JP \
    KE KG KH KI KM KN KP KR KW KY KZ LA LB LC LI LK LR LS LT LU LV LY \
    MA MC MD ME MF MG MH MK ML MM MN MO MP MQ MR MS MT MU MV MW MX MY MZ \
    NA NC NE NF NG NI NL NO NP NR NU NZ OM \
    PA PE PF PG PH PK PL PM PN PR PS PT PW PY QA RE RO RS RU RW \
    SA SB SC SD SE SG SH SI SJ SK SL SM SN SO SR SS ST SV SX SY SZ \
    TC TD TF TG TH TJ TK TL TM TN TO TR TT TV TW TZ UA UG UM US UY UZ \
    VA VC VE VG VI VN VU WF WS XK YE YT ZA ZM ZW";

/// The label of traffic without a country.
const UNKNOWN: &str = "UNKNOWN";

/// A choice of countries.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Countries {
    /// No country.
    None,
    /// Every code, and `UNKNOWN`.
    All,
    /// These codes, in capitals; one can be `UNKNOWN`.
    Listed(Vec<String>),
}

impl Countries {
    /// Returns the values of the `country` label.
    pub fn labels(&self) -> Vec<&str> {
        match self {
            Self::None => Vec::new(),
            Self::All => CODES.split(' ').chain([UNKNOWN]).collect(),
            Self::Listed(codes) => codes.iter().map(String::as_str).collect(),
        }
    }
}

/// Reads `none`, `all`, a comma list or a list of codes.
pub(super) fn countries(value: &Value) -> Result<Countries, Fault> {
    let parts: Vec<&str> = match value {
        Value::String(_, text) => text.split(',').collect(),
        Value::Array(_, items) => items
            .iter()
            .map(|item| item.as_str().ok_or(Fault::NotExpected))
            .collect::<Result<_, _>>()?,
        _ => return Err(Fault::NotExpected),
    };
    let parts = parts.into_iter().map(str::trim);
    let given: Vec<&str> = parts.filter(|part| !part.is_empty()).collect();
    if let [only] = given[..] {
        match only.to_ascii_lowercase().as_str() {
            "none" => return Ok(Countries::None),
            "all" => return Ok(Countries::All),
            _ => {}
        }
    }
    let mut codes: Vec<String> = Vec::new();
    let mut wrong = Vec::new();
    for part in given {
        let code = part.to_ascii_uppercase();
        if code != UNKNOWN && !CODES.split(' ').any(|known| known == code) {
            wrong.push(fault(part, &code));
        } else if !codes.contains(&code) {
            codes.push(code);
        }
    }
    match (codes.is_empty(), wrong.is_empty()) {
        (_, false) => Err(Fault::Because(wrong.join("; "))),
        (true, true) => Ok(Countries::None),
        (false, true) => Ok(Countries::Listed(codes)),
    }
}

fn fault(given: &str, code: &str) -> String {
    let given = quoted(given);
    match code {
        "NONE" | "ALL" => {
            format!(
                "{given} cannot be combined with countries: write {given} alone"
            )
        }
        "UK" => format!("{given} is no ISO 3166-1 code: write \"GB\""),
        "EL" => format!("{given} is no ISO 3166-1 code: write \"GR\""),
        _ => format!(
            "{given} is no ISO 3166-1 code of two letters, such as \"DE\", \
             nor \"UNKNOWN\""
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<Countries, Fault> {
        countries(&text.into())
    }

    #[test]
    fn every_code_is_there_once_and_in_order() {
        let codes: Vec<_> = CODES.split(' ').collect();
        // 249 of the standard.
        assert_eq!(codes.len(), 250);
        assert!(codes.is_sorted_by(|a, b| a < b));
        assert!(codes.iter().all(|code| code.len() == 2));
        assert_eq!(Countries::All.labels().len(), 251);
    }

    #[test]
    fn codes_are_read_in_either_case_and_kept_once() {
        let listed = |codes: &[&str]| {
            Ok(Countries::Listed(codes.iter().map(|c| (*c).into()).collect()))
        };
        assert_eq!(read("de, US,unknown,DE"), listed(&["DE", "US", "UNKNOWN"]));
        let array = Value::from(vec!["FR", "XK"]);
        assert_eq!(countries(&array), listed(&["FR", "XK"]));
        assert_eq!(read("None"), Ok(Countries::None));
        assert_eq!(read("all"), Ok(Countries::All));
        let empty: Vec<Value> = Vec::new();
        assert_eq!(countries(&empty.into()), Ok(Countries::None));
    }

    #[test]
    fn all_wrong_codes_are_one_fault() {
        let Err(Fault::Because(text)) = read("DE,UK,XX,all") else {
            panic!("it is wrong");
        };
        assert_eq!(
            text,
            "\"UK\" is no ISO 3166-1 code: write \"GB\"; \
             \"XX\" is no ISO 3166-1 code of two letters, such as \"DE\", nor \
             \"UNKNOWN\"; \
             \"all\" cannot be combined with countries: write \"all\" alone"
        );
        assert_eq!(countries(&5.into()), Err(Fault::NotExpected));
    }
}
