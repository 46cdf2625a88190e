use super::*;

fn prefix(text: &str) -> ClassPrefix {
    let (address, length) = text.split_once('/').unwrap();
    ClassPrefix::new(address.parse().unwrap(), length.parse().unwrap())
}

fn ranges(count: usize) -> Vec<(ClassPrefix, Arc<str>)> {
    let name = |at: usize| (prefix("192.0.2.0/32"), at.to_string().into());
    (0..count).map(name).collect()
}

fn services(count: usize) -> Vec<ServicePlan> {
    let service = |at: usize| ServicePlan {
        name: at.to_string().into(),
        ports: Vec::new(),
    };
    (0..count).map(service).collect()
}

#[test]
fn a_range_contains_those_that_are_nested_in_it() {
    for (outer, inner, is_nested) in [
        ("192.0.2.0/24", "192.0.2.128/25", true),
        ("192.0.2.0/24", "192.0.2.0/24", true),
        ("192.0.2.128/25", "192.0.2.0/24", false),
        ("192.0.2.0/24", "192.0.3.0/32", false),
        ("0.0.0.0/0", "255.255.255.255/32", true),
        ("::/0", "192.0.2.0/24", false),
        ("::/0", "2001:db8::/128", true),
        ("2001:db8::/128", "2001:db8::/128", true),
        ("2001:db8::/127", "2001:db8::2/128", false),
    ] {
        assert_eq!(
            prefix(outer).contains(&prefix(inner)),
            is_nested,
            "{outer} {inner}"
        );
    }
}

#[test]
fn the_order_is_a_walk_over_nested_ranges() {
    let mut all = [
        "2001:db8::/32",
        "192.0.2.128/25",
        "192.0.2.0/25",
        "192.0.2.0/24",
        "::/0",
        "10.0.0.0/8",
    ]
    .map(prefix);
    all.sort_unstable();
    let expected = [
        "10.0.0.0/8",
        "192.0.2.0/24",
        "192.0.2.0/25",
        "192.0.2.128/25",
        "::/0",
        "2001:db8::/32",
    ];
    assert_eq!(all, expected.map(prefix));
}

#[test]
fn a_configuration_of_too_many_combinations_is_refused_with_a_remedy() {
    let plan = |locals, narrows, count| ClassPlan {
        locals: ranges(locals),
        narrows: ranges(narrows),
        services: services(count),
    };
    assert!(ClassPlan::default().is_empty());
    assert_eq!(ClassPlan::default().classes(), 1);
    assert_eq!(plan(2, 3, 4).classes(), 3 * 4 * 9);
    assert_eq!(plan(150, 0, 108).check(), Ok(()));
    let fault = plan(151, 0, 108).check().unwrap_err();
    assert_eq!(fault, ClassFault::Classes { classes: 152 * 217 });
    let text = fault.to_string();
    assert!(text.contains("have 32984 combinations"), "{text}");
    let many = vec![ranges(1).remove(0); MOST_CLASS_PREFIXES + 1];
    let locals = ClassPlan { locals: many.clone(), ..ClassPlan::default() };
    assert!(locals.check().unwrap_err().to_string().contains("local = false"));
    let narrows = ClassPlan { narrows: many, ..ClassPlan::default() };
    let text = narrows.check().unwrap_err().to_string();
    assert!(text.contains("ipv4_prefix_length = 32"), "{text}");
}
