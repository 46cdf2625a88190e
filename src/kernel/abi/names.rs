//! The names of maps, programs and read-only variables in the object.

/// The map of flows.
pub const FLOWS: &str = "flows";
/// The flow table: the first tier of flows.
pub const FLOW_TABLE: &str = "flow_table";
/// The part of the flow table that each CPU uses.
pub const TABLE_PARTS: &str = "table_parts";
/// The ends of long IPv6 prefixes in the flow table.
pub const TABLE_RESTS: &str = "table_rests";
/// The number of keys that the map of flows has taken in.
pub const ADMISSION: &str = "admission";
/// The map of exact totals.
pub const TOTALS: &str = "totals";
/// The map of statistics.
pub const STATISTICS: &str = "statistics";
/// The map from low ifindexes to interface numbers.
pub const INTERFACES: &str = "interfaces";
/// The map from high ifindexes to interface numbers.
pub const FAR_INTERFACES: &str = "far_interfaces";
/// The filter of the keys that the map of flows has.
pub const FLOW_FILTER: &str = "flow_filter";
/// The IPsec states that were seen on the wire.
pub const IPSEC_STATES: &str = "ipsec_states";
/// The switch between two sets of numbers of classes.
pub const CLASS_SETTINGS: &str = "class_settings";
/// The ranges that local addresses are looked for in.
pub const LOCAL_RANGES: &str = "local_ranges";
/// The ranges that are narrower than the kept prefix.
pub const NARROW_RANGES: &str = "narrow_ranges";
/// The services by local port.
pub const SERVICE_PORTS: &str = "service_ports";
/// The totals of classes outside of the flow table.
pub const CLASS_TOTALS: &str = "class_totals";
/// User space's notes on the meaning of classes.
pub const CLASS_MARKS: &str = "class_marks";
/// The ledger that user space keeps of the other maps.
pub const MARKS: &str = "marks";
/// The volumes up to which user space has read the flow table.
pub const TABLE_MARKS: &str = "table_marks";
/// Words of the filter, less one.
pub const FILTER_MASK: &str = "filter_mask";
/// An odd random number, for the places of keys in the filter.
pub const FILTER_SEED: &str = "filter_seed";
/// The most keys that the map of flows takes in between two polls.
pub const ADMISSION_LIMIT: &str = "admission_limit";
/// Not zero if the kernel tells programs which packets IPsec decrypted.
pub const HAS_IPSEC: &str = "has_ipsec";
/// Counts packets that arrive with an Ethernet header.
pub const INGRESS: &str = "traffic_ingress";
/// Counts packets that leave with an Ethernet header.
pub const EGRESS: &str = "traffic_egress";
/// Counts packets that arrive without a link layer.
pub const INGRESS_L3: &str = "traffic_ingress_l3";
/// Counts packets that leave without a link layer.
pub const EGRESS_L3: &str = "traffic_egress_l3";
/// Tells the time in the unit of `last_seen`.
pub const CLOCK: &str = "traffic_clock";
