# Print an optspec for argparse to handle cmd's options that are independent of any subcommand.
function __fish_geoip_exporter_global_optspecs
    string join \n config= check-config print-config remove-pins ends-with-process= h/help V/version interfaces= geoip-db= geoip-db-watch= geoip-cache-size= map-max-entries= poll-interval= flow-batch-size= ipv4-prefix-length= ipv6-prefix-length= host= counted-once= networks= asn-db= networks-top= country-info= remote-hosts= city-db= names-language= remote-hosts-metrics= remote-hosts-top= remote-hosts-threshold= connections= connections-interval= connections-ignore= connections-scope= connections-countries= countries-at-zero= absent-interface-retention= listen-address= web-config-file= enable-reload= metrics-path= web= state-directory= pin-directory= config-watch= log-level= log-format= sandbox= history= history-timezone= quota= quota-direction= quota-reset-day= name-special-addresses= unknown-prefixes=
end

function __fish_geoip_exporter_needs_command
    # Figure out if the current invocation already has a command.
    set -l cmd (commandline -opc)
    set -e cmd[1]
    argparse -s (__fish_geoip_exporter_global_optspecs) -- $cmd 2>/dev/null
    or return
    if set -q argv[1]
        # Also print the command, so this can be used to figure out what it is.
        echo $argv[1]
        return 1
    end
    return 0
end

function __fish_geoip_exporter_using_subcommand
    set -l cmd (__fish_geoip_exporter_needs_command)
    test -z "$cmd"
    and return 1
    contains -- $cmd[1] $argv
end

complete -c geoip-exporter -n "__fish_geoip_exporter_needs_command" -l config -d 'Configuration file, instead of the default one' -r -F
complete -c geoip-exporter -n "__fish_geoip_exporter_needs_command" -l ends-with-process -r
complete -c geoip-exporter -n "__fish_geoip_exporter_needs_command" -l interfaces -d 'Interfaces to count; "any", "uplinks", "containers" or a comma list of names, patterns and exclusions (in TOML also an array) [default: ["any", "!containers"]]' -r -f
complete -c geoip-exporter -n "__fish_geoip_exporter_needs_command" -l geoip-db -d 'Database of countries; the path of an mmdb file [default: /usr/share/GeoIP/GeoLite2-Country.mmdb]' -r -F
complete -c geoip-exporter -n "__fish_geoip_exporter_needs_command" -l geoip-db-watch -d 'Load the database again when its file changes; true or false [default: true]' -r -f -a "true\t''
false\t''"
complete -c geoip-exporter -n "__fish_geoip_exporter_needs_command" -l geoip-cache-size -d 'Database records kept decoded; a whole number from 1 to 16777216, or 0 for the default [default: 65536]' -r -f
complete -c geoip-exporter -n "__fish_geoip_exporter_needs_command" -l map-max-entries -d 'Flows the kernel keeps between two polls; a whole number from 1 to 16777216 [default: 100000]' -r -f
complete -c geoip-exporter -n "__fish_geoip_exporter_needs_command" -l poll-interval -d 'Time between two polls of the kernel\'s counts; a duration from 500us to 24h [default: 2s]' -r -f
complete -c geoip-exporter -n "__fish_geoip_exporter_needs_command" -l flow-batch-size -d 'Flows read by one system call; a whole number from 1 to 1048576, or 0 for the default [default: 10000]' -r -f
complete -c geoip-exporter -n "__fish_geoip_exporter_needs_command" -l ipv4-prefix-length -d 'Bits of a remote IPv4 address that make a flow; a whole number from 8 to 32 [default: 24]' -r -f
complete -c geoip-exporter -n "__fish_geoip_exporter_needs_command" -l ipv6-prefix-length -d 'Bits of a remote IPv6 address that make a flow; a whole number from 16 to 128 [default: 48]' -r -f
complete -c geoip-exporter -n "__fish_geoip_exporter_needs_command" -l host -d 'Count the traffic of the whole machine by country; true or false [default: false]' -r -f -a "true\t''
false\t''"
complete -c geoip-exporter -n "__fish_geoip_exporter_needs_command" -l counted-once -d 'Interfaces at which packets of the whole machine are counted; "auto" or a comma list of names, patterns and exclusions (in TOML also an array) [default: auto]' -r -f
complete -c geoip-exporter -n "__fish_geoip_exporter_needs_command" -l networks -d 'Count bytes by network (autonomous system); true or false [default: false]' -r -f -a "true\t''
false\t''"
complete -c geoip-exporter -n "__fish_geoip_exporter_needs_command" -l asn-db -d 'Database of networks (autonomous systems); the path of an mmdb file [default: /usr/share/GeoIP/GeoLite2-ASN.mmdb]' -r -F
complete -c geoip-exporter -n "__fish_geoip_exporter_needs_command" -l networks-top -d 'Networks with series of their own; a whole number from 1 to 10000 [default: 200]' -r -f
complete -c geoip-exporter -n "__fish_geoip_exporter_needs_command" -l country-info -d 'Show the names and continents of countries; true or false [default: false]' -r -f -a "true\t''
false\t''"
complete -c geoip-exporter -n "__fish_geoip_exporter_needs_command" -l remote-hosts -d 'Count bytes and packets by remote address; true or false [default: false]' -r -f -a "true\t''
false\t''"
complete -c geoip-exporter -n "__fish_geoip_exporter_needs_command" -l city-db -d 'Database of cities; the path of an mmdb file, or empty [default: empty]' -r -F
complete -c geoip-exporter -n "__fish_geoip_exporter_needs_command" -l names-language -d 'Language of the names of cities and subdivisions; a language tag of letters, digits and hyphens [default: en]' -r -f
complete -c geoip-exporter -n "__fish_geoip_exporter_needs_command" -l remote-hosts-metrics -d 'Show the largest remote addresses as series; true or false [default: false]' -r -f -a "true\t''
false\t''"
complete -c geoip-exporter -n "__fish_geoip_exporter_needs_command" -l remote-hosts-top -d 'Remote addresses with series of their own; a whole number from 1 to 5000 [default: 100]' -r -f
complete -c geoip-exporter -n "__fish_geoip_exporter_needs_command" -l remote-hosts-threshold -d 'Bytes from which on a remote address may have series; a size from 0B to 1PiB, with a unit [default: 1MiB]' -r -f
complete -c geoip-exporter -n "__fish_geoip_exporter_needs_command" -l connections -d 'Count TCP connections by country; true or false [default: false]' -r -f -a "true\t''
false\t''"
complete -c geoip-exporter -n "__fish_geoip_exporter_needs_command" -l connections-interval -d 'Time between two visits of the open connections; a duration from 1s to 1h [default: 10s]' -r -f
complete -c geoip-exporter -n "__fish_geoip_exporter_needs_command" -l connections-ignore -d 'Remote addresses whose connections are not counted; a comma list of prefixes, addresses and names of ranges (in TOML also an array) [default: []]' -r -f
complete -c geoip-exporter -n "__fish_geoip_exporter_needs_command" -l connections-scope -d 'Network namespaces whose connections are counted; "namespace" or "host" [default: namespace]' -r -f
complete -c geoip-exporter -n "__fish_geoip_exporter_needs_command" -l connections-countries -d 'Countries with round-trip times of their own; a whole number from 1 to 1000 [default: 64]' -r -f
complete -c geoip-exporter -n "__fish_geoip_exporter_needs_command" -l countries-at-zero -d 'Countries that have series before their first packet; "none", "all" or a comma list of ISO 3166-1 codes (in TOML also an array) [default: none]' -r -f
complete -c geoip-exporter -n "__fish_geoip_exporter_needs_command" -l absent-interface-retention -d 'Time that the series of an absent interface stay on the page; a duration from 1s to 8760h, or "0" [default: 1h]' -r -f
complete -c geoip-exporter -n "__fish_geoip_exporter_needs_command" -l listen-address -d 'Addresses and sockets that serve the metrics; an address and port, the path of a socket behind unix:, or a comma list of them (in TOML also an array) [default: 0.0.0.0:9100]' -r -f
complete -c geoip-exporter -n "__fish_geoip_exporter_needs_command" -l web-config-file -d 'File with TLS certificates and users; the path of a YAML file, or empty [default: empty]' -r -F
complete -c geoip-exporter -n "__fish_geoip_exporter_needs_command" -l enable-reload -d 'Let POST /-/reload read everything again; true or false [default: false]' -r -f -a "true\t''
false\t''"
complete -c geoip-exporter -n "__fish_geoip_exporter_needs_command" -l metrics-path -d 'Path of the metrics page; a path that begins with a slash [default: /metrics]' -r -f
complete -c geoip-exporter -n "__fish_geoip_exporter_needs_command" -l web -d 'Serve the live map and the interface for programs; true or false [default: true]' -r -f -a "true\t''
false\t''"
complete -c geoip-exporter -n "__fish_geoip_exporter_needs_command" -l state-directory -d 'Directory that keeps the counters for the next start; the path of a directory, or empty [default: empty]' -r -f -a "(__fish_complete_directories)"
complete -c geoip-exporter -n "__fish_geoip_exporter_needs_command" -l pin-directory -d 'Directory of the maps and links that count while no exporter runs; the path of a directory in bpffs, or empty [default: /sys/fs/bpf/geoip-exporter]' -r -f -a "(__fish_complete_directories)"
complete -c geoip-exporter -n "__fish_geoip_exporter_needs_command" -l config-watch -d 'Reload when a configuration file changes; true or false [default: false]' -r -f -a "true\t''
false\t''"
complete -c geoip-exporter -n "__fish_geoip_exporter_needs_command" -l log-level -d 'Level of detail of the log; one of error, warn, info, debug and trace [default: info]' -r -f -a "error\t''
warn\t''
info\t''
debug\t''
trace\t''"
complete -c geoip-exporter -n "__fish_geoip_exporter_needs_command" -l log-format -d 'Format of log lines; one of text and json [default: text]' -r -f -a "text\t''
json\t''"
complete -c geoip-exporter -n "__fish_geoip_exporter_needs_command" -l sandbox -d 'Give up privileges that are not needed any more; true or false [default: true]' -r -f -a "true\t''
false\t''"
complete -c geoip-exporter -n "__fish_geoip_exporter_needs_command" -l history -d 'Keep the traffic by hour, day and month; true or false [default: true]' -r -f -a "true\t''
false\t''"
complete -c geoip-exporter -n "__fish_geoip_exporter_needs_command" -l history-timezone -d 'Time zone of the days and months; the name of a time zone, or empty [default: empty]' -r -f
complete -c geoip-exporter -n "__fish_geoip_exporter_needs_command" -l quota -d 'Bytes that the machine may use in a month; a size from 1B to 1024PiB, with a unit, or empty [default: empty]' -r -f
complete -c geoip-exporter -n "__fish_geoip_exporter_needs_command" -l quota-direction -d 'Traffic that counts for the quota; one of sent, received, both and larger [default: both]' -r -f -a "sent\t''
received\t''
both\t''
larger\t''"
complete -c geoip-exporter -n "__fish_geoip_exporter_needs_command" -l quota-reset-day -d 'Day at which the month of the quota begins; a whole number from 1 to 31 [default: 1]' -r -f
complete -c geoip-exporter -n "__fish_geoip_exporter_needs_command" -l name-special-addresses -d 'Name special addresses in place of UNKNOWN; true or false [default: false]' -r -f -a "true\t''
false\t''"
complete -c geoip-exporter -n "__fish_geoip_exporter_needs_command" -l unknown-prefixes -d 'Show the prefixes with the most bytes of UNKNOWN; true or false [default: false]' -r -f -a "true\t''
false\t''"
complete -c geoip-exporter -n "__fish_geoip_exporter_needs_command" -l check-config -d 'Check the configuration on this machine and exit'
complete -c geoip-exporter -n "__fish_geoip_exporter_needs_command" -l print-config -d 'Print the configuration with its sources and exit'
complete -c geoip-exporter -n "__fish_geoip_exporter_needs_command" -l remove-pins -d 'Remove the pinned programs and maps and exit'
complete -c geoip-exporter -n "__fish_geoip_exporter_needs_command" -s h -l help -d 'Print this help and exit'
complete -c geoip-exporter -n "__fish_geoip_exporter_needs_command" -s V -l version -d 'Print the version and exit'
complete -c geoip-exporter -n "__fish_geoip_exporter_needs_command" -f -a "check" -d 'Check the configuration on this machine and exit'
complete -c geoip-exporter -n "__fish_geoip_exporter_needs_command" -f -a "print-config" -d 'Print the configuration with its sources and exit'
complete -c geoip-exporter -n "__fish_geoip_exporter_needs_command" -f -a "lookup" -d 'Say where addresses belong, and why: lookup [--json] ADDRESS...'
complete -c geoip-exporter -n "__fish_geoip_exporter_needs_command" -f -a "top" -d 'Show the traffic in the terminal; top --help lists its flags'
complete -c geoip-exporter -n "__fish_geoip_exporter_needs_command" -f -a "report" -d 'Print the traffic of days or months; report --help lists its flags'
complete -c geoip-exporter -n "__fish_geoip_exporter_needs_command" -f -a "health" -d 'Ask the running exporter whether it is ready, for health checks'
complete -c geoip-exporter -n "__fish_geoip_exporter_needs_command" -f -a "remove-pins" -d 'Remove the pinned programs and maps and exit'
complete -c geoip-exporter -n "__fish_geoip_exporter_using_subcommand check" -l config -d 'Configuration file, instead of the default one' -r -F
complete -c geoip-exporter -n "__fish_geoip_exporter_using_subcommand check" -l interfaces -d 'Interfaces to count; "any", "uplinks", "containers" or a comma list of names, patterns and exclusions (in TOML also an array) [default: ["any", "!containers"]]' -r -f
complete -c geoip-exporter -n "__fish_geoip_exporter_using_subcommand check" -l geoip-db -d 'Database of countries; the path of an mmdb file [default: /usr/share/GeoIP/GeoLite2-Country.mmdb]' -r -F
complete -c geoip-exporter -n "__fish_geoip_exporter_using_subcommand check" -l geoip-db-watch -d 'Load the database again when its file changes; true or false [default: true]' -r -f -a "true\t''
false\t''"
complete -c geoip-exporter -n "__fish_geoip_exporter_using_subcommand check" -l geoip-cache-size -d 'Database records kept decoded; a whole number from 1 to 16777216, or 0 for the default [default: 65536]' -r -f
complete -c geoip-exporter -n "__fish_geoip_exporter_using_subcommand check" -l map-max-entries -d 'Flows the kernel keeps between two polls; a whole number from 1 to 16777216 [default: 100000]' -r -f
complete -c geoip-exporter -n "__fish_geoip_exporter_using_subcommand check" -l poll-interval -d 'Time between two polls of the kernel\'s counts; a duration from 500us to 24h [default: 2s]' -r -f
complete -c geoip-exporter -n "__fish_geoip_exporter_using_subcommand check" -l flow-batch-size -d 'Flows read by one system call; a whole number from 1 to 1048576, or 0 for the default [default: 10000]' -r -f
complete -c geoip-exporter -n "__fish_geoip_exporter_using_subcommand check" -l ipv4-prefix-length -d 'Bits of a remote IPv4 address that make a flow; a whole number from 8 to 32 [default: 24]' -r -f
complete -c geoip-exporter -n "__fish_geoip_exporter_using_subcommand check" -l ipv6-prefix-length -d 'Bits of a remote IPv6 address that make a flow; a whole number from 16 to 128 [default: 48]' -r -f
complete -c geoip-exporter -n "__fish_geoip_exporter_using_subcommand check" -l host -d 'Count the traffic of the whole machine by country; true or false [default: false]' -r -f -a "true\t''
false\t''"
complete -c geoip-exporter -n "__fish_geoip_exporter_using_subcommand check" -l counted-once -d 'Interfaces at which packets of the whole machine are counted; "auto" or a comma list of names, patterns and exclusions (in TOML also an array) [default: auto]' -r -f
complete -c geoip-exporter -n "__fish_geoip_exporter_using_subcommand check" -l networks -d 'Count bytes by network (autonomous system); true or false [default: false]' -r -f -a "true\t''
false\t''"
complete -c geoip-exporter -n "__fish_geoip_exporter_using_subcommand check" -l asn-db -d 'Database of networks (autonomous systems); the path of an mmdb file [default: /usr/share/GeoIP/GeoLite2-ASN.mmdb]' -r -F
complete -c geoip-exporter -n "__fish_geoip_exporter_using_subcommand check" -l networks-top -d 'Networks with series of their own; a whole number from 1 to 10000 [default: 200]' -r -f
complete -c geoip-exporter -n "__fish_geoip_exporter_using_subcommand check" -l country-info -d 'Show the names and continents of countries; true or false [default: false]' -r -f -a "true\t''
false\t''"
complete -c geoip-exporter -n "__fish_geoip_exporter_using_subcommand check" -l remote-hosts -d 'Count bytes and packets by remote address; true or false [default: false]' -r -f -a "true\t''
false\t''"
complete -c geoip-exporter -n "__fish_geoip_exporter_using_subcommand check" -l city-db -d 'Database of cities; the path of an mmdb file, or empty [default: empty]' -r -F
complete -c geoip-exporter -n "__fish_geoip_exporter_using_subcommand check" -l names-language -d 'Language of the names of cities and subdivisions; a language tag of letters, digits and hyphens [default: en]' -r -f
complete -c geoip-exporter -n "__fish_geoip_exporter_using_subcommand check" -l remote-hosts-metrics -d 'Show the largest remote addresses as series; true or false [default: false]' -r -f -a "true\t''
false\t''"
complete -c geoip-exporter -n "__fish_geoip_exporter_using_subcommand check" -l remote-hosts-top -d 'Remote addresses with series of their own; a whole number from 1 to 5000 [default: 100]' -r -f
complete -c geoip-exporter -n "__fish_geoip_exporter_using_subcommand check" -l remote-hosts-threshold -d 'Bytes from which on a remote address may have series; a size from 0B to 1PiB, with a unit [default: 1MiB]' -r -f
complete -c geoip-exporter -n "__fish_geoip_exporter_using_subcommand check" -l connections -d 'Count TCP connections by country; true or false [default: false]' -r -f -a "true\t''
false\t''"
complete -c geoip-exporter -n "__fish_geoip_exporter_using_subcommand check" -l connections-interval -d 'Time between two visits of the open connections; a duration from 1s to 1h [default: 10s]' -r -f
complete -c geoip-exporter -n "__fish_geoip_exporter_using_subcommand check" -l connections-ignore -d 'Remote addresses whose connections are not counted; a comma list of prefixes, addresses and names of ranges (in TOML also an array) [default: []]' -r -f
complete -c geoip-exporter -n "__fish_geoip_exporter_using_subcommand check" -l connections-scope -d 'Network namespaces whose connections are counted; "namespace" or "host" [default: namespace]' -r -f
complete -c geoip-exporter -n "__fish_geoip_exporter_using_subcommand check" -l connections-countries -d 'Countries with round-trip times of their own; a whole number from 1 to 1000 [default: 64]' -r -f
complete -c geoip-exporter -n "__fish_geoip_exporter_using_subcommand check" -l countries-at-zero -d 'Countries that have series before their first packet; "none", "all" or a comma list of ISO 3166-1 codes (in TOML also an array) [default: none]' -r -f
complete -c geoip-exporter -n "__fish_geoip_exporter_using_subcommand check" -l absent-interface-retention -d 'Time that the series of an absent interface stay on the page; a duration from 1s to 8760h, or "0" [default: 1h]' -r -f
complete -c geoip-exporter -n "__fish_geoip_exporter_using_subcommand check" -l listen-address -d 'Addresses and sockets that serve the metrics; an address and port, the path of a socket behind unix:, or a comma list of them (in TOML also an array) [default: 0.0.0.0:9100]' -r -f
complete -c geoip-exporter -n "__fish_geoip_exporter_using_subcommand check" -l web-config-file -d 'File with TLS certificates and users; the path of a YAML file, or empty [default: empty]' -r -F
complete -c geoip-exporter -n "__fish_geoip_exporter_using_subcommand check" -l enable-reload -d 'Let POST /-/reload read everything again; true or false [default: false]' -r -f -a "true\t''
false\t''"
complete -c geoip-exporter -n "__fish_geoip_exporter_using_subcommand check" -l metrics-path -d 'Path of the metrics page; a path that begins with a slash [default: /metrics]' -r -f
complete -c geoip-exporter -n "__fish_geoip_exporter_using_subcommand check" -l web -d 'Serve the live map and the interface for programs; true or false [default: true]' -r -f -a "true\t''
false\t''"
complete -c geoip-exporter -n "__fish_geoip_exporter_using_subcommand check" -l state-directory -d 'Directory that keeps the counters for the next start; the path of a directory, or empty [default: empty]' -r -f -a "(__fish_complete_directories)"
complete -c geoip-exporter -n "__fish_geoip_exporter_using_subcommand check" -l pin-directory -d 'Directory of the maps and links that count while no exporter runs; the path of a directory in bpffs, or empty [default: /sys/fs/bpf/geoip-exporter]' -r -f -a "(__fish_complete_directories)"
complete -c geoip-exporter -n "__fish_geoip_exporter_using_subcommand check" -l config-watch -d 'Reload when a configuration file changes; true or false [default: false]' -r -f -a "true\t''
false\t''"
complete -c geoip-exporter -n "__fish_geoip_exporter_using_subcommand check" -l log-level -d 'Level of detail of the log; one of error, warn, info, debug and trace [default: info]' -r -f -a "error\t''
warn\t''
info\t''
debug\t''
trace\t''"
complete -c geoip-exporter -n "__fish_geoip_exporter_using_subcommand check" -l log-format -d 'Format of log lines; one of text and json [default: text]' -r -f -a "text\t''
json\t''"
complete -c geoip-exporter -n "__fish_geoip_exporter_using_subcommand check" -l sandbox -d 'Give up privileges that are not needed any more; true or false [default: true]' -r -f -a "true\t''
false\t''"
complete -c geoip-exporter -n "__fish_geoip_exporter_using_subcommand check" -l history -d 'Keep the traffic by hour, day and month; true or false [default: true]' -r -f -a "true\t''
false\t''"
complete -c geoip-exporter -n "__fish_geoip_exporter_using_subcommand check" -l history-timezone -d 'Time zone of the days and months; the name of a time zone, or empty [default: empty]' -r -f
complete -c geoip-exporter -n "__fish_geoip_exporter_using_subcommand check" -l quota -d 'Bytes that the machine may use in a month; a size from 1B to 1024PiB, with a unit, or empty [default: empty]' -r -f
complete -c geoip-exporter -n "__fish_geoip_exporter_using_subcommand check" -l quota-direction -d 'Traffic that counts for the quota; one of sent, received, both and larger [default: both]' -r -f -a "sent\t''
received\t''
both\t''
larger\t''"
complete -c geoip-exporter -n "__fish_geoip_exporter_using_subcommand check" -l quota-reset-day -d 'Day at which the month of the quota begins; a whole number from 1 to 31 [default: 1]' -r -f
complete -c geoip-exporter -n "__fish_geoip_exporter_using_subcommand check" -l name-special-addresses -d 'Name special addresses in place of UNKNOWN; true or false [default: false]' -r -f -a "true\t''
false\t''"
complete -c geoip-exporter -n "__fish_geoip_exporter_using_subcommand check" -l unknown-prefixes -d 'Show the prefixes with the most bytes of UNKNOWN; true or false [default: false]' -r -f -a "true\t''
false\t''"
complete -c geoip-exporter -n "__fish_geoip_exporter_using_subcommand check" -s h -l help -d 'Print this help and exit'
complete -c geoip-exporter -n "__fish_geoip_exporter_using_subcommand check" -s V -l version -d 'Print the version and exit'
complete -c geoip-exporter -n "__fish_geoip_exporter_using_subcommand print-config" -l config -d 'Configuration file, instead of the default one' -r -F
complete -c geoip-exporter -n "__fish_geoip_exporter_using_subcommand print-config" -l interfaces -d 'Interfaces to count; "any", "uplinks", "containers" or a comma list of names, patterns and exclusions (in TOML also an array) [default: ["any", "!containers"]]' -r -f
complete -c geoip-exporter -n "__fish_geoip_exporter_using_subcommand print-config" -l geoip-db -d 'Database of countries; the path of an mmdb file [default: /usr/share/GeoIP/GeoLite2-Country.mmdb]' -r -F
complete -c geoip-exporter -n "__fish_geoip_exporter_using_subcommand print-config" -l geoip-db-watch -d 'Load the database again when its file changes; true or false [default: true]' -r -f -a "true\t''
false\t''"
complete -c geoip-exporter -n "__fish_geoip_exporter_using_subcommand print-config" -l geoip-cache-size -d 'Database records kept decoded; a whole number from 1 to 16777216, or 0 for the default [default: 65536]' -r -f
complete -c geoip-exporter -n "__fish_geoip_exporter_using_subcommand print-config" -l map-max-entries -d 'Flows the kernel keeps between two polls; a whole number from 1 to 16777216 [default: 100000]' -r -f
complete -c geoip-exporter -n "__fish_geoip_exporter_using_subcommand print-config" -l poll-interval -d 'Time between two polls of the kernel\'s counts; a duration from 500us to 24h [default: 2s]' -r -f
complete -c geoip-exporter -n "__fish_geoip_exporter_using_subcommand print-config" -l flow-batch-size -d 'Flows read by one system call; a whole number from 1 to 1048576, or 0 for the default [default: 10000]' -r -f
complete -c geoip-exporter -n "__fish_geoip_exporter_using_subcommand print-config" -l ipv4-prefix-length -d 'Bits of a remote IPv4 address that make a flow; a whole number from 8 to 32 [default: 24]' -r -f
complete -c geoip-exporter -n "__fish_geoip_exporter_using_subcommand print-config" -l ipv6-prefix-length -d 'Bits of a remote IPv6 address that make a flow; a whole number from 16 to 128 [default: 48]' -r -f
complete -c geoip-exporter -n "__fish_geoip_exporter_using_subcommand print-config" -l host -d 'Count the traffic of the whole machine by country; true or false [default: false]' -r -f -a "true\t''
false\t''"
complete -c geoip-exporter -n "__fish_geoip_exporter_using_subcommand print-config" -l counted-once -d 'Interfaces at which packets of the whole machine are counted; "auto" or a comma list of names, patterns and exclusions (in TOML also an array) [default: auto]' -r -f
complete -c geoip-exporter -n "__fish_geoip_exporter_using_subcommand print-config" -l networks -d 'Count bytes by network (autonomous system); true or false [default: false]' -r -f -a "true\t''
false\t''"
complete -c geoip-exporter -n "__fish_geoip_exporter_using_subcommand print-config" -l asn-db -d 'Database of networks (autonomous systems); the path of an mmdb file [default: /usr/share/GeoIP/GeoLite2-ASN.mmdb]' -r -F
complete -c geoip-exporter -n "__fish_geoip_exporter_using_subcommand print-config" -l networks-top -d 'Networks with series of their own; a whole number from 1 to 10000 [default: 200]' -r -f
complete -c geoip-exporter -n "__fish_geoip_exporter_using_subcommand print-config" -l country-info -d 'Show the names and continents of countries; true or false [default: false]' -r -f -a "true\t''
false\t''"
complete -c geoip-exporter -n "__fish_geoip_exporter_using_subcommand print-config" -l remote-hosts -d 'Count bytes and packets by remote address; true or false [default: false]' -r -f -a "true\t''
false\t''"
complete -c geoip-exporter -n "__fish_geoip_exporter_using_subcommand print-config" -l city-db -d 'Database of cities; the path of an mmdb file, or empty [default: empty]' -r -F
complete -c geoip-exporter -n "__fish_geoip_exporter_using_subcommand print-config" -l names-language -d 'Language of the names of cities and subdivisions; a language tag of letters, digits and hyphens [default: en]' -r -f
complete -c geoip-exporter -n "__fish_geoip_exporter_using_subcommand print-config" -l remote-hosts-metrics -d 'Show the largest remote addresses as series; true or false [default: false]' -r -f -a "true\t''
false\t''"
complete -c geoip-exporter -n "__fish_geoip_exporter_using_subcommand print-config" -l remote-hosts-top -d 'Remote addresses with series of their own; a whole number from 1 to 5000 [default: 100]' -r -f
complete -c geoip-exporter -n "__fish_geoip_exporter_using_subcommand print-config" -l remote-hosts-threshold -d 'Bytes from which on a remote address may have series; a size from 0B to 1PiB, with a unit [default: 1MiB]' -r -f
complete -c geoip-exporter -n "__fish_geoip_exporter_using_subcommand print-config" -l connections -d 'Count TCP connections by country; true or false [default: false]' -r -f -a "true\t''
false\t''"
complete -c geoip-exporter -n "__fish_geoip_exporter_using_subcommand print-config" -l connections-interval -d 'Time between two visits of the open connections; a duration from 1s to 1h [default: 10s]' -r -f
complete -c geoip-exporter -n "__fish_geoip_exporter_using_subcommand print-config" -l connections-ignore -d 'Remote addresses whose connections are not counted; a comma list of prefixes, addresses and names of ranges (in TOML also an array) [default: []]' -r -f
complete -c geoip-exporter -n "__fish_geoip_exporter_using_subcommand print-config" -l connections-scope -d 'Network namespaces whose connections are counted; "namespace" or "host" [default: namespace]' -r -f
complete -c geoip-exporter -n "__fish_geoip_exporter_using_subcommand print-config" -l connections-countries -d 'Countries with round-trip times of their own; a whole number from 1 to 1000 [default: 64]' -r -f
complete -c geoip-exporter -n "__fish_geoip_exporter_using_subcommand print-config" -l countries-at-zero -d 'Countries that have series before their first packet; "none", "all" or a comma list of ISO 3166-1 codes (in TOML also an array) [default: none]' -r -f
complete -c geoip-exporter -n "__fish_geoip_exporter_using_subcommand print-config" -l absent-interface-retention -d 'Time that the series of an absent interface stay on the page; a duration from 1s to 8760h, or "0" [default: 1h]' -r -f
complete -c geoip-exporter -n "__fish_geoip_exporter_using_subcommand print-config" -l listen-address -d 'Addresses and sockets that serve the metrics; an address and port, the path of a socket behind unix:, or a comma list of them (in TOML also an array) [default: 0.0.0.0:9100]' -r -f
complete -c geoip-exporter -n "__fish_geoip_exporter_using_subcommand print-config" -l web-config-file -d 'File with TLS certificates and users; the path of a YAML file, or empty [default: empty]' -r -F
complete -c geoip-exporter -n "__fish_geoip_exporter_using_subcommand print-config" -l enable-reload -d 'Let POST /-/reload read everything again; true or false [default: false]' -r -f -a "true\t''
false\t''"
complete -c geoip-exporter -n "__fish_geoip_exporter_using_subcommand print-config" -l metrics-path -d 'Path of the metrics page; a path that begins with a slash [default: /metrics]' -r -f
complete -c geoip-exporter -n "__fish_geoip_exporter_using_subcommand print-config" -l web -d 'Serve the live map and the interface for programs; true or false [default: true]' -r -f -a "true\t''
false\t''"
complete -c geoip-exporter -n "__fish_geoip_exporter_using_subcommand print-config" -l state-directory -d 'Directory that keeps the counters for the next start; the path of a directory, or empty [default: empty]' -r -f -a "(__fish_complete_directories)"
complete -c geoip-exporter -n "__fish_geoip_exporter_using_subcommand print-config" -l pin-directory -d 'Directory of the maps and links that count while no exporter runs; the path of a directory in bpffs, or empty [default: /sys/fs/bpf/geoip-exporter]' -r -f -a "(__fish_complete_directories)"
complete -c geoip-exporter -n "__fish_geoip_exporter_using_subcommand print-config" -l config-watch -d 'Reload when a configuration file changes; true or false [default: false]' -r -f -a "true\t''
false\t''"
complete -c geoip-exporter -n "__fish_geoip_exporter_using_subcommand print-config" -l log-level -d 'Level of detail of the log; one of error, warn, info, debug and trace [default: info]' -r -f -a "error\t''
warn\t''
info\t''
debug\t''
trace\t''"
complete -c geoip-exporter -n "__fish_geoip_exporter_using_subcommand print-config" -l log-format -d 'Format of log lines; one of text and json [default: text]' -r -f -a "text\t''
json\t''"
complete -c geoip-exporter -n "__fish_geoip_exporter_using_subcommand print-config" -l sandbox -d 'Give up privileges that are not needed any more; true or false [default: true]' -r -f -a "true\t''
false\t''"
complete -c geoip-exporter -n "__fish_geoip_exporter_using_subcommand print-config" -l history -d 'Keep the traffic by hour, day and month; true or false [default: true]' -r -f -a "true\t''
false\t''"
complete -c geoip-exporter -n "__fish_geoip_exporter_using_subcommand print-config" -l history-timezone -d 'Time zone of the days and months; the name of a time zone, or empty [default: empty]' -r -f
complete -c geoip-exporter -n "__fish_geoip_exporter_using_subcommand print-config" -l quota -d 'Bytes that the machine may use in a month; a size from 1B to 1024PiB, with a unit, or empty [default: empty]' -r -f
complete -c geoip-exporter -n "__fish_geoip_exporter_using_subcommand print-config" -l quota-direction -d 'Traffic that counts for the quota; one of sent, received, both and larger [default: both]' -r -f -a "sent\t''
received\t''
both\t''
larger\t''"
complete -c geoip-exporter -n "__fish_geoip_exporter_using_subcommand print-config" -l quota-reset-day -d 'Day at which the month of the quota begins; a whole number from 1 to 31 [default: 1]' -r -f
complete -c geoip-exporter -n "__fish_geoip_exporter_using_subcommand print-config" -l name-special-addresses -d 'Name special addresses in place of UNKNOWN; true or false [default: false]' -r -f -a "true\t''
false\t''"
complete -c geoip-exporter -n "__fish_geoip_exporter_using_subcommand print-config" -l unknown-prefixes -d 'Show the prefixes with the most bytes of UNKNOWN; true or false [default: false]' -r -f -a "true\t''
false\t''"
complete -c geoip-exporter -n "__fish_geoip_exporter_using_subcommand print-config" -s h -l help -d 'Print this help and exit'
complete -c geoip-exporter -n "__fish_geoip_exporter_using_subcommand print-config" -s V -l version -d 'Print the version and exit'
complete -c geoip-exporter -n "__fish_geoip_exporter_using_subcommand lookup" -l config -d 'Configuration file, instead of the default one' -r -F
complete -c geoip-exporter -n "__fish_geoip_exporter_using_subcommand lookup" -l interfaces -d 'Interfaces to count; "any", "uplinks", "containers" or a comma list of names, patterns and exclusions (in TOML also an array) [default: ["any", "!containers"]]' -r -f
complete -c geoip-exporter -n "__fish_geoip_exporter_using_subcommand lookup" -l geoip-db -d 'Database of countries; the path of an mmdb file [default: /usr/share/GeoIP/GeoLite2-Country.mmdb]' -r -F
complete -c geoip-exporter -n "__fish_geoip_exporter_using_subcommand lookup" -l geoip-db-watch -d 'Load the database again when its file changes; true or false [default: true]' -r -f -a "true\t''
false\t''"
complete -c geoip-exporter -n "__fish_geoip_exporter_using_subcommand lookup" -l geoip-cache-size -d 'Database records kept decoded; a whole number from 1 to 16777216, or 0 for the default [default: 65536]' -r -f
complete -c geoip-exporter -n "__fish_geoip_exporter_using_subcommand lookup" -l map-max-entries -d 'Flows the kernel keeps between two polls; a whole number from 1 to 16777216 [default: 100000]' -r -f
complete -c geoip-exporter -n "__fish_geoip_exporter_using_subcommand lookup" -l poll-interval -d 'Time between two polls of the kernel\'s counts; a duration from 500us to 24h [default: 2s]' -r -f
complete -c geoip-exporter -n "__fish_geoip_exporter_using_subcommand lookup" -l flow-batch-size -d 'Flows read by one system call; a whole number from 1 to 1048576, or 0 for the default [default: 10000]' -r -f
complete -c geoip-exporter -n "__fish_geoip_exporter_using_subcommand lookup" -l ipv4-prefix-length -d 'Bits of a remote IPv4 address that make a flow; a whole number from 8 to 32 [default: 24]' -r -f
complete -c geoip-exporter -n "__fish_geoip_exporter_using_subcommand lookup" -l ipv6-prefix-length -d 'Bits of a remote IPv6 address that make a flow; a whole number from 16 to 128 [default: 48]' -r -f
complete -c geoip-exporter -n "__fish_geoip_exporter_using_subcommand lookup" -l host -d 'Count the traffic of the whole machine by country; true or false [default: false]' -r -f -a "true\t''
false\t''"
complete -c geoip-exporter -n "__fish_geoip_exporter_using_subcommand lookup" -l counted-once -d 'Interfaces at which packets of the whole machine are counted; "auto" or a comma list of names, patterns and exclusions (in TOML also an array) [default: auto]' -r -f
complete -c geoip-exporter -n "__fish_geoip_exporter_using_subcommand lookup" -l networks -d 'Count bytes by network (autonomous system); true or false [default: false]' -r -f -a "true\t''
false\t''"
complete -c geoip-exporter -n "__fish_geoip_exporter_using_subcommand lookup" -l asn-db -d 'Database of networks (autonomous systems); the path of an mmdb file [default: /usr/share/GeoIP/GeoLite2-ASN.mmdb]' -r -F
complete -c geoip-exporter -n "__fish_geoip_exporter_using_subcommand lookup" -l networks-top -d 'Networks with series of their own; a whole number from 1 to 10000 [default: 200]' -r -f
complete -c geoip-exporter -n "__fish_geoip_exporter_using_subcommand lookup" -l country-info -d 'Show the names and continents of countries; true or false [default: false]' -r -f -a "true\t''
false\t''"
complete -c geoip-exporter -n "__fish_geoip_exporter_using_subcommand lookup" -l remote-hosts -d 'Count bytes and packets by remote address; true or false [default: false]' -r -f -a "true\t''
false\t''"
complete -c geoip-exporter -n "__fish_geoip_exporter_using_subcommand lookup" -l city-db -d 'Database of cities; the path of an mmdb file, or empty [default: empty]' -r -F
complete -c geoip-exporter -n "__fish_geoip_exporter_using_subcommand lookup" -l names-language -d 'Language of the names of cities and subdivisions; a language tag of letters, digits and hyphens [default: en]' -r -f
complete -c geoip-exporter -n "__fish_geoip_exporter_using_subcommand lookup" -l remote-hosts-metrics -d 'Show the largest remote addresses as series; true or false [default: false]' -r -f -a "true\t''
false\t''"
complete -c geoip-exporter -n "__fish_geoip_exporter_using_subcommand lookup" -l remote-hosts-top -d 'Remote addresses with series of their own; a whole number from 1 to 5000 [default: 100]' -r -f
complete -c geoip-exporter -n "__fish_geoip_exporter_using_subcommand lookup" -l remote-hosts-threshold -d 'Bytes from which on a remote address may have series; a size from 0B to 1PiB, with a unit [default: 1MiB]' -r -f
complete -c geoip-exporter -n "__fish_geoip_exporter_using_subcommand lookup" -l connections -d 'Count TCP connections by country; true or false [default: false]' -r -f -a "true\t''
false\t''"
complete -c geoip-exporter -n "__fish_geoip_exporter_using_subcommand lookup" -l connections-interval -d 'Time between two visits of the open connections; a duration from 1s to 1h [default: 10s]' -r -f
complete -c geoip-exporter -n "__fish_geoip_exporter_using_subcommand lookup" -l connections-ignore -d 'Remote addresses whose connections are not counted; a comma list of prefixes, addresses and names of ranges (in TOML also an array) [default: []]' -r -f
complete -c geoip-exporter -n "__fish_geoip_exporter_using_subcommand lookup" -l connections-scope -d 'Network namespaces whose connections are counted; "namespace" or "host" [default: namespace]' -r -f
complete -c geoip-exporter -n "__fish_geoip_exporter_using_subcommand lookup" -l connections-countries -d 'Countries with round-trip times of their own; a whole number from 1 to 1000 [default: 64]' -r -f
complete -c geoip-exporter -n "__fish_geoip_exporter_using_subcommand lookup" -l countries-at-zero -d 'Countries that have series before their first packet; "none", "all" or a comma list of ISO 3166-1 codes (in TOML also an array) [default: none]' -r -f
complete -c geoip-exporter -n "__fish_geoip_exporter_using_subcommand lookup" -l absent-interface-retention -d 'Time that the series of an absent interface stay on the page; a duration from 1s to 8760h, or "0" [default: 1h]' -r -f
complete -c geoip-exporter -n "__fish_geoip_exporter_using_subcommand lookup" -l listen-address -d 'Addresses and sockets that serve the metrics; an address and port, the path of a socket behind unix:, or a comma list of them (in TOML also an array) [default: 0.0.0.0:9100]' -r -f
complete -c geoip-exporter -n "__fish_geoip_exporter_using_subcommand lookup" -l web-config-file -d 'File with TLS certificates and users; the path of a YAML file, or empty [default: empty]' -r -F
complete -c geoip-exporter -n "__fish_geoip_exporter_using_subcommand lookup" -l enable-reload -d 'Let POST /-/reload read everything again; true or false [default: false]' -r -f -a "true\t''
false\t''"
complete -c geoip-exporter -n "__fish_geoip_exporter_using_subcommand lookup" -l metrics-path -d 'Path of the metrics page; a path that begins with a slash [default: /metrics]' -r -f
complete -c geoip-exporter -n "__fish_geoip_exporter_using_subcommand lookup" -l web -d 'Serve the live map and the interface for programs; true or false [default: true]' -r -f -a "true\t''
false\t''"
complete -c geoip-exporter -n "__fish_geoip_exporter_using_subcommand lookup" -l state-directory -d 'Directory that keeps the counters for the next start; the path of a directory, or empty [default: empty]' -r -f -a "(__fish_complete_directories)"
complete -c geoip-exporter -n "__fish_geoip_exporter_using_subcommand lookup" -l pin-directory -d 'Directory of the maps and links that count while no exporter runs; the path of a directory in bpffs, or empty [default: /sys/fs/bpf/geoip-exporter]' -r -f -a "(__fish_complete_directories)"
complete -c geoip-exporter -n "__fish_geoip_exporter_using_subcommand lookup" -l config-watch -d 'Reload when a configuration file changes; true or false [default: false]' -r -f -a "true\t''
false\t''"
complete -c geoip-exporter -n "__fish_geoip_exporter_using_subcommand lookup" -l log-level -d 'Level of detail of the log; one of error, warn, info, debug and trace [default: info]' -r -f -a "error\t''
warn\t''
info\t''
debug\t''
trace\t''"
complete -c geoip-exporter -n "__fish_geoip_exporter_using_subcommand lookup" -l log-format -d 'Format of log lines; one of text and json [default: text]' -r -f -a "text\t''
json\t''"
complete -c geoip-exporter -n "__fish_geoip_exporter_using_subcommand lookup" -l sandbox -d 'Give up privileges that are not needed any more; true or false [default: true]' -r -f -a "true\t''
false\t''"
complete -c geoip-exporter -n "__fish_geoip_exporter_using_subcommand lookup" -l history -d 'Keep the traffic by hour, day and month; true or false [default: true]' -r -f -a "true\t''
false\t''"
complete -c geoip-exporter -n "__fish_geoip_exporter_using_subcommand lookup" -l history-timezone -d 'Time zone of the days and months; the name of a time zone, or empty [default: empty]' -r -f
complete -c geoip-exporter -n "__fish_geoip_exporter_using_subcommand lookup" -l quota -d 'Bytes that the machine may use in a month; a size from 1B to 1024PiB, with a unit, or empty [default: empty]' -r -f
complete -c geoip-exporter -n "__fish_geoip_exporter_using_subcommand lookup" -l quota-direction -d 'Traffic that counts for the quota; one of sent, received, both and larger [default: both]' -r -f -a "sent\t''
received\t''
both\t''
larger\t''"
complete -c geoip-exporter -n "__fish_geoip_exporter_using_subcommand lookup" -l quota-reset-day -d 'Day at which the month of the quota begins; a whole number from 1 to 31 [default: 1]' -r -f
complete -c geoip-exporter -n "__fish_geoip_exporter_using_subcommand lookup" -l name-special-addresses -d 'Name special addresses in place of UNKNOWN; true or false [default: false]' -r -f -a "true\t''
false\t''"
complete -c geoip-exporter -n "__fish_geoip_exporter_using_subcommand lookup" -l unknown-prefixes -d 'Show the prefixes with the most bytes of UNKNOWN; true or false [default: false]' -r -f -a "true\t''
false\t''"
complete -c geoip-exporter -n "__fish_geoip_exporter_using_subcommand lookup" -l json -d 'Print JSON'
complete -c geoip-exporter -n "__fish_geoip_exporter_using_subcommand lookup" -s h -l help -d 'Print this help and exit'
complete -c geoip-exporter -n "__fish_geoip_exporter_using_subcommand lookup" -s V -l version -d 'Print the version and exit'
complete -c geoip-exporter -n "__fish_geoip_exporter_using_subcommand top" -l duration -d 'Count for this time, such as 5m, print what happened, and exit' -r -f
complete -c geoip-exporter -n "__fish_geoip_exporter_using_subcommand top" -l view -d 'The first table: countries, networks, services, ranges, hosts, interfaces, connections [default: countries]' -r -f -a "countries\t''
networks\t''
services\t''
ranges\t''
hosts\t''
interfaces\t''
connections\t''"
complete -c geoip-exporter -n "__fish_geoip_exporter_using_subcommand top" -l sort -d 'The order of the rows: rate, total, name [default: rate]' -r -f -a "rate\t''
total\t''
name\t''"
complete -c geoip-exporter -n "__fish_geoip_exporter_using_subcommand top" -l rows -d 'Rows of a printed table [default: 25; all with --json]' -r -f
complete -c geoip-exporter -n "__fish_geoip_exporter_using_subcommand top" -l interval -d 'Time between two questions, from 100ms [default: 1s]' -r -f
complete -c geoip-exporter -n "__fish_geoip_exporter_using_subcommand top" -l url -d 'The exporter to ask: http://HOST:PORT, https://HOST:PORT or unix:/PATH, instead of the one on this machine' -r -f
complete -c geoip-exporter -n "__fish_geoip_exporter_using_subcommand top" -l ca-file -d 'Certificates to trust, instead of those of this machine' -r -F
complete -c geoip-exporter -n "__fish_geoip_exporter_using_subcommand top" -l user -d 'User of the exporter\'s web_config_file' -r -f
complete -c geoip-exporter -n "__fish_geoip_exporter_using_subcommand top" -l password-file -d 'File with the password of the user' -r -F
complete -c geoip-exporter -n "__fish_geoip_exporter_using_subcommand top" -l config -d 'Configuration file, instead of the default one' -r -F
complete -c geoip-exporter -n "__fish_geoip_exporter_using_subcommand top" -l interfaces -d 'Interfaces to count; "any", "uplinks", "containers" or a comma list of names, patterns and exclusions (in TOML also an array) [default: ["any", "!containers"]]' -r -f
complete -c geoip-exporter -n "__fish_geoip_exporter_using_subcommand top" -l geoip-db -d 'Database of countries; the path of an mmdb file [default: /usr/share/GeoIP/GeoLite2-Country.mmdb]' -r -F
complete -c geoip-exporter -n "__fish_geoip_exporter_using_subcommand top" -l geoip-db-watch -d 'Load the database again when its file changes; true or false [default: true]' -r -f -a "true\t''
false\t''"
complete -c geoip-exporter -n "__fish_geoip_exporter_using_subcommand top" -l geoip-cache-size -d 'Database records kept decoded; a whole number from 1 to 16777216, or 0 for the default [default: 65536]' -r -f
complete -c geoip-exporter -n "__fish_geoip_exporter_using_subcommand top" -l map-max-entries -d 'Flows the kernel keeps between two polls; a whole number from 1 to 16777216 [default: 100000]' -r -f
complete -c geoip-exporter -n "__fish_geoip_exporter_using_subcommand top" -l poll-interval -d 'Time between two polls of the kernel\'s counts; a duration from 500us to 24h [default: 2s]' -r -f
complete -c geoip-exporter -n "__fish_geoip_exporter_using_subcommand top" -l flow-batch-size -d 'Flows read by one system call; a whole number from 1 to 1048576, or 0 for the default [default: 10000]' -r -f
complete -c geoip-exporter -n "__fish_geoip_exporter_using_subcommand top" -l ipv4-prefix-length -d 'Bits of a remote IPv4 address that make a flow; a whole number from 8 to 32 [default: 24]' -r -f
complete -c geoip-exporter -n "__fish_geoip_exporter_using_subcommand top" -l ipv6-prefix-length -d 'Bits of a remote IPv6 address that make a flow; a whole number from 16 to 128 [default: 48]' -r -f
complete -c geoip-exporter -n "__fish_geoip_exporter_using_subcommand top" -l host -d 'Count the traffic of the whole machine by country; true or false [default: false]' -r -f -a "true\t''
false\t''"
complete -c geoip-exporter -n "__fish_geoip_exporter_using_subcommand top" -l counted-once -d 'Interfaces at which packets of the whole machine are counted; "auto" or a comma list of names, patterns and exclusions (in TOML also an array) [default: auto]' -r -f
complete -c geoip-exporter -n "__fish_geoip_exporter_using_subcommand top" -l networks -d 'Count bytes by network (autonomous system); true or false [default: false]' -r -f -a "true\t''
false\t''"
complete -c geoip-exporter -n "__fish_geoip_exporter_using_subcommand top" -l asn-db -d 'Database of networks (autonomous systems); the path of an mmdb file [default: /usr/share/GeoIP/GeoLite2-ASN.mmdb]' -r -F
complete -c geoip-exporter -n "__fish_geoip_exporter_using_subcommand top" -l networks-top -d 'Networks with series of their own; a whole number from 1 to 10000 [default: 200]' -r -f
complete -c geoip-exporter -n "__fish_geoip_exporter_using_subcommand top" -l country-info -d 'Show the names and continents of countries; true or false [default: false]' -r -f -a "true\t''
false\t''"
complete -c geoip-exporter -n "__fish_geoip_exporter_using_subcommand top" -l remote-hosts -d 'Count bytes and packets by remote address; true or false [default: false]' -r -f -a "true\t''
false\t''"
complete -c geoip-exporter -n "__fish_geoip_exporter_using_subcommand top" -l city-db -d 'Database of cities; the path of an mmdb file, or empty [default: empty]' -r -F
complete -c geoip-exporter -n "__fish_geoip_exporter_using_subcommand top" -l names-language -d 'Language of the names of cities and subdivisions; a language tag of letters, digits and hyphens [default: en]' -r -f
complete -c geoip-exporter -n "__fish_geoip_exporter_using_subcommand top" -l remote-hosts-metrics -d 'Show the largest remote addresses as series; true or false [default: false]' -r -f -a "true\t''
false\t''"
complete -c geoip-exporter -n "__fish_geoip_exporter_using_subcommand top" -l remote-hosts-top -d 'Remote addresses with series of their own; a whole number from 1 to 5000 [default: 100]' -r -f
complete -c geoip-exporter -n "__fish_geoip_exporter_using_subcommand top" -l remote-hosts-threshold -d 'Bytes from which on a remote address may have series; a size from 0B to 1PiB, with a unit [default: 1MiB]' -r -f
complete -c geoip-exporter -n "__fish_geoip_exporter_using_subcommand top" -l connections -d 'Count TCP connections by country; true or false [default: false]' -r -f -a "true\t''
false\t''"
complete -c geoip-exporter -n "__fish_geoip_exporter_using_subcommand top" -l connections-interval -d 'Time between two visits of the open connections; a duration from 1s to 1h [default: 10s]' -r -f
complete -c geoip-exporter -n "__fish_geoip_exporter_using_subcommand top" -l connections-ignore -d 'Remote addresses whose connections are not counted; a comma list of prefixes, addresses and names of ranges (in TOML also an array) [default: []]' -r -f
complete -c geoip-exporter -n "__fish_geoip_exporter_using_subcommand top" -l connections-scope -d 'Network namespaces whose connections are counted; "namespace" or "host" [default: namespace]' -r -f
complete -c geoip-exporter -n "__fish_geoip_exporter_using_subcommand top" -l connections-countries -d 'Countries with round-trip times of their own; a whole number from 1 to 1000 [default: 64]' -r -f
complete -c geoip-exporter -n "__fish_geoip_exporter_using_subcommand top" -l countries-at-zero -d 'Countries that have series before their first packet; "none", "all" or a comma list of ISO 3166-1 codes (in TOML also an array) [default: none]' -r -f
complete -c geoip-exporter -n "__fish_geoip_exporter_using_subcommand top" -l absent-interface-retention -d 'Time that the series of an absent interface stay on the page; a duration from 1s to 8760h, or "0" [default: 1h]' -r -f
complete -c geoip-exporter -n "__fish_geoip_exporter_using_subcommand top" -l listen-address -d 'Addresses and sockets that serve the metrics; an address and port, the path of a socket behind unix:, or a comma list of them (in TOML also an array) [default: 0.0.0.0:9100]' -r -f
complete -c geoip-exporter -n "__fish_geoip_exporter_using_subcommand top" -l web-config-file -d 'File with TLS certificates and users; the path of a YAML file, or empty [default: empty]' -r -F
complete -c geoip-exporter -n "__fish_geoip_exporter_using_subcommand top" -l enable-reload -d 'Let POST /-/reload read everything again; true or false [default: false]' -r -f -a "true\t''
false\t''"
complete -c geoip-exporter -n "__fish_geoip_exporter_using_subcommand top" -l metrics-path -d 'Path of the metrics page; a path that begins with a slash [default: /metrics]' -r -f
complete -c geoip-exporter -n "__fish_geoip_exporter_using_subcommand top" -l web -d 'Serve the live map and the interface for programs; true or false [default: true]' -r -f -a "true\t''
false\t''"
complete -c geoip-exporter -n "__fish_geoip_exporter_using_subcommand top" -l state-directory -d 'Directory that keeps the counters for the next start; the path of a directory, or empty [default: empty]' -r -f -a "(__fish_complete_directories)"
complete -c geoip-exporter -n "__fish_geoip_exporter_using_subcommand top" -l pin-directory -d 'Directory of the maps and links that count while no exporter runs; the path of a directory in bpffs, or empty [default: /sys/fs/bpf/geoip-exporter]' -r -f -a "(__fish_complete_directories)"
complete -c geoip-exporter -n "__fish_geoip_exporter_using_subcommand top" -l config-watch -d 'Reload when a configuration file changes; true or false [default: false]' -r -f -a "true\t''
false\t''"
complete -c geoip-exporter -n "__fish_geoip_exporter_using_subcommand top" -l log-level -d 'Level of detail of the log; one of error, warn, info, debug and trace [default: info]' -r -f -a "error\t''
warn\t''
info\t''
debug\t''
trace\t''"
complete -c geoip-exporter -n "__fish_geoip_exporter_using_subcommand top" -l log-format -d 'Format of log lines; one of text and json [default: text]' -r -f -a "text\t''
json\t''"
complete -c geoip-exporter -n "__fish_geoip_exporter_using_subcommand top" -l sandbox -d 'Give up privileges that are not needed any more; true or false [default: true]' -r -f -a "true\t''
false\t''"
complete -c geoip-exporter -n "__fish_geoip_exporter_using_subcommand top" -l history -d 'Keep the traffic by hour, day and month; true or false [default: true]' -r -f -a "true\t''
false\t''"
complete -c geoip-exporter -n "__fish_geoip_exporter_using_subcommand top" -l history-timezone -d 'Time zone of the days and months; the name of a time zone, or empty [default: empty]' -r -f
complete -c geoip-exporter -n "__fish_geoip_exporter_using_subcommand top" -l quota -d 'Bytes that the machine may use in a month; a size from 1B to 1024PiB, with a unit, or empty [default: empty]' -r -f
complete -c geoip-exporter -n "__fish_geoip_exporter_using_subcommand top" -l quota-direction -d 'Traffic that counts for the quota; one of sent, received, both and larger [default: both]' -r -f -a "sent\t''
received\t''
both\t''
larger\t''"
complete -c geoip-exporter -n "__fish_geoip_exporter_using_subcommand top" -l quota-reset-day -d 'Day at which the month of the quota begins; a whole number from 1 to 31 [default: 1]' -r -f
complete -c geoip-exporter -n "__fish_geoip_exporter_using_subcommand top" -l name-special-addresses -d 'Name special addresses in place of UNKNOWN; true or false [default: false]' -r -f -a "true\t''
false\t''"
complete -c geoip-exporter -n "__fish_geoip_exporter_using_subcommand top" -l unknown-prefixes -d 'Show the prefixes with the most bytes of UNKNOWN; true or false [default: false]' -r -f -a "true\t''
false\t''"
complete -c geoip-exporter -n "__fish_geoip_exporter_using_subcommand top" -l once -d 'Print the table once, as without a terminal'
complete -c geoip-exporter -n "__fish_geoip_exporter_using_subcommand top" -l resolve -d 'Look up the names of hosts'
complete -c geoip-exporter -n "__fish_geoip_exporter_using_subcommand top" -l bytes -d 'Show rates in bytes instead of bits'
complete -c geoip-exporter -n "__fish_geoip_exporter_using_subcommand top" -l no-mouse -d 'Leave the mouse to the terminal'
complete -c geoip-exporter -n "__fish_geoip_exporter_using_subcommand top" -l json -d 'Print JSON'
complete -c geoip-exporter -n "__fish_geoip_exporter_using_subcommand top" -s h -l help -d 'Print this help and exit'
complete -c geoip-exporter -n "__fish_geoip_exporter_using_subcommand top" -s V -l version -d 'Print the version and exit'
complete -c geoip-exporter -n "__fish_geoip_exporter_using_subcommand report" -l since -d 'First day: 2026-11-01, 2026-11, today, yesterday, or 7d for the last 7 days' -r -f
complete -c geoip-exporter -n "__fish_geoip_exporter_using_subcommand report" -l until -d 'Last day, in the same forms' -r -f
complete -c geoip-exporter -n "__fish_geoip_exporter_using_subcommand report" -l by -d 'One row for each country, network, interface, range or service' -r -f -a "country\t''
network\t''
interface\t''
range\t''
service\t''"
complete -c geoip-exporter -n "__fish_geoip_exporter_using_subcommand report" -l interface -d 'Only the traffic of this interface' -r -f
complete -c geoip-exporter -n "__fish_geoip_exporter_using_subcommand report" -l limit -d 'Most subjects with --by; one row more has the sum of the others [default: 25; all with --csv]' -r -f
complete -c geoip-exporter -n "__fish_geoip_exporter_using_subcommand report" -l url -d 'The exporter to ask: http://HOST:PORT, https://HOST:PORT or unix:/PATH, instead of the one on this machine' -r -f
complete -c geoip-exporter -n "__fish_geoip_exporter_using_subcommand report" -l ca-file -d 'Certificates to trust, instead of those of this machine' -r -F
complete -c geoip-exporter -n "__fish_geoip_exporter_using_subcommand report" -l user -d 'User of the exporter\'s web_config_file' -r -f
complete -c geoip-exporter -n "__fish_geoip_exporter_using_subcommand report" -l password-file -d 'File with the password of the user' -r -F
complete -c geoip-exporter -n "__fish_geoip_exporter_using_subcommand report" -l config -d 'Configuration file, instead of the default one' -r -F
complete -c geoip-exporter -n "__fish_geoip_exporter_using_subcommand report" -l interfaces -d 'Interfaces to count; "any", "uplinks", "containers" or a comma list of names, patterns and exclusions (in TOML also an array) [default: ["any", "!containers"]]' -r -f
complete -c geoip-exporter -n "__fish_geoip_exporter_using_subcommand report" -l geoip-db -d 'Database of countries; the path of an mmdb file [default: /usr/share/GeoIP/GeoLite2-Country.mmdb]' -r -F
complete -c geoip-exporter -n "__fish_geoip_exporter_using_subcommand report" -l geoip-db-watch -d 'Load the database again when its file changes; true or false [default: true]' -r -f -a "true\t''
false\t''"
complete -c geoip-exporter -n "__fish_geoip_exporter_using_subcommand report" -l geoip-cache-size -d 'Database records kept decoded; a whole number from 1 to 16777216, or 0 for the default [default: 65536]' -r -f
complete -c geoip-exporter -n "__fish_geoip_exporter_using_subcommand report" -l map-max-entries -d 'Flows the kernel keeps between two polls; a whole number from 1 to 16777216 [default: 100000]' -r -f
complete -c geoip-exporter -n "__fish_geoip_exporter_using_subcommand report" -l poll-interval -d 'Time between two polls of the kernel\'s counts; a duration from 500us to 24h [default: 2s]' -r -f
complete -c geoip-exporter -n "__fish_geoip_exporter_using_subcommand report" -l flow-batch-size -d 'Flows read by one system call; a whole number from 1 to 1048576, or 0 for the default [default: 10000]' -r -f
complete -c geoip-exporter -n "__fish_geoip_exporter_using_subcommand report" -l ipv4-prefix-length -d 'Bits of a remote IPv4 address that make a flow; a whole number from 8 to 32 [default: 24]' -r -f
complete -c geoip-exporter -n "__fish_geoip_exporter_using_subcommand report" -l ipv6-prefix-length -d 'Bits of a remote IPv6 address that make a flow; a whole number from 16 to 128 [default: 48]' -r -f
complete -c geoip-exporter -n "__fish_geoip_exporter_using_subcommand report" -l host -d 'Count the traffic of the whole machine by country; true or false [default: false]' -r -f -a "true\t''
false\t''"
complete -c geoip-exporter -n "__fish_geoip_exporter_using_subcommand report" -l counted-once -d 'Interfaces at which packets of the whole machine are counted; "auto" or a comma list of names, patterns and exclusions (in TOML also an array) [default: auto]' -r -f
complete -c geoip-exporter -n "__fish_geoip_exporter_using_subcommand report" -l networks -d 'Count bytes by network (autonomous system); true or false [default: false]' -r -f -a "true\t''
false\t''"
complete -c geoip-exporter -n "__fish_geoip_exporter_using_subcommand report" -l asn-db -d 'Database of networks (autonomous systems); the path of an mmdb file [default: /usr/share/GeoIP/GeoLite2-ASN.mmdb]' -r -F
complete -c geoip-exporter -n "__fish_geoip_exporter_using_subcommand report" -l networks-top -d 'Networks with series of their own; a whole number from 1 to 10000 [default: 200]' -r -f
complete -c geoip-exporter -n "__fish_geoip_exporter_using_subcommand report" -l country-info -d 'Show the names and continents of countries; true or false [default: false]' -r -f -a "true\t''
false\t''"
complete -c geoip-exporter -n "__fish_geoip_exporter_using_subcommand report" -l remote-hosts -d 'Count bytes and packets by remote address; true or false [default: false]' -r -f -a "true\t''
false\t''"
complete -c geoip-exporter -n "__fish_geoip_exporter_using_subcommand report" -l city-db -d 'Database of cities; the path of an mmdb file, or empty [default: empty]' -r -F
complete -c geoip-exporter -n "__fish_geoip_exporter_using_subcommand report" -l names-language -d 'Language of the names of cities and subdivisions; a language tag of letters, digits and hyphens [default: en]' -r -f
complete -c geoip-exporter -n "__fish_geoip_exporter_using_subcommand report" -l remote-hosts-metrics -d 'Show the largest remote addresses as series; true or false [default: false]' -r -f -a "true\t''
false\t''"
complete -c geoip-exporter -n "__fish_geoip_exporter_using_subcommand report" -l remote-hosts-top -d 'Remote addresses with series of their own; a whole number from 1 to 5000 [default: 100]' -r -f
complete -c geoip-exporter -n "__fish_geoip_exporter_using_subcommand report" -l remote-hosts-threshold -d 'Bytes from which on a remote address may have series; a size from 0B to 1PiB, with a unit [default: 1MiB]' -r -f
complete -c geoip-exporter -n "__fish_geoip_exporter_using_subcommand report" -l connections -d 'Count TCP connections by country; true or false [default: false]' -r -f -a "true\t''
false\t''"
complete -c geoip-exporter -n "__fish_geoip_exporter_using_subcommand report" -l connections-interval -d 'Time between two visits of the open connections; a duration from 1s to 1h [default: 10s]' -r -f
complete -c geoip-exporter -n "__fish_geoip_exporter_using_subcommand report" -l connections-ignore -d 'Remote addresses whose connections are not counted; a comma list of prefixes, addresses and names of ranges (in TOML also an array) [default: []]' -r -f
complete -c geoip-exporter -n "__fish_geoip_exporter_using_subcommand report" -l connections-scope -d 'Network namespaces whose connections are counted; "namespace" or "host" [default: namespace]' -r -f
complete -c geoip-exporter -n "__fish_geoip_exporter_using_subcommand report" -l connections-countries -d 'Countries with round-trip times of their own; a whole number from 1 to 1000 [default: 64]' -r -f
complete -c geoip-exporter -n "__fish_geoip_exporter_using_subcommand report" -l countries-at-zero -d 'Countries that have series before their first packet; "none", "all" or a comma list of ISO 3166-1 codes (in TOML also an array) [default: none]' -r -f
complete -c geoip-exporter -n "__fish_geoip_exporter_using_subcommand report" -l absent-interface-retention -d 'Time that the series of an absent interface stay on the page; a duration from 1s to 8760h, or "0" [default: 1h]' -r -f
complete -c geoip-exporter -n "__fish_geoip_exporter_using_subcommand report" -l listen-address -d 'Addresses and sockets that serve the metrics; an address and port, the path of a socket behind unix:, or a comma list of them (in TOML also an array) [default: 0.0.0.0:9100]' -r -f
complete -c geoip-exporter -n "__fish_geoip_exporter_using_subcommand report" -l web-config-file -d 'File with TLS certificates and users; the path of a YAML file, or empty [default: empty]' -r -F
complete -c geoip-exporter -n "__fish_geoip_exporter_using_subcommand report" -l enable-reload -d 'Let POST /-/reload read everything again; true or false [default: false]' -r -f -a "true\t''
false\t''"
complete -c geoip-exporter -n "__fish_geoip_exporter_using_subcommand report" -l metrics-path -d 'Path of the metrics page; a path that begins with a slash [default: /metrics]' -r -f
complete -c geoip-exporter -n "__fish_geoip_exporter_using_subcommand report" -l web -d 'Serve the live map and the interface for programs; true or false [default: true]' -r -f -a "true\t''
false\t''"
complete -c geoip-exporter -n "__fish_geoip_exporter_using_subcommand report" -l state-directory -d 'Directory that keeps the counters for the next start; the path of a directory, or empty [default: empty]' -r -f -a "(__fish_complete_directories)"
complete -c geoip-exporter -n "__fish_geoip_exporter_using_subcommand report" -l pin-directory -d 'Directory of the maps and links that count while no exporter runs; the path of a directory in bpffs, or empty [default: /sys/fs/bpf/geoip-exporter]' -r -f -a "(__fish_complete_directories)"
complete -c geoip-exporter -n "__fish_geoip_exporter_using_subcommand report" -l config-watch -d 'Reload when a configuration file changes; true or false [default: false]' -r -f -a "true\t''
false\t''"
complete -c geoip-exporter -n "__fish_geoip_exporter_using_subcommand report" -l log-level -d 'Level of detail of the log; one of error, warn, info, debug and trace [default: info]' -r -f -a "error\t''
warn\t''
info\t''
debug\t''
trace\t''"
complete -c geoip-exporter -n "__fish_geoip_exporter_using_subcommand report" -l log-format -d 'Format of log lines; one of text and json [default: text]' -r -f -a "text\t''
json\t''"
complete -c geoip-exporter -n "__fish_geoip_exporter_using_subcommand report" -l sandbox -d 'Give up privileges that are not needed any more; true or false [default: true]' -r -f -a "true\t''
false\t''"
complete -c geoip-exporter -n "__fish_geoip_exporter_using_subcommand report" -l history -d 'Keep the traffic by hour, day and month; true or false [default: true]' -r -f -a "true\t''
false\t''"
complete -c geoip-exporter -n "__fish_geoip_exporter_using_subcommand report" -l history-timezone -d 'Time zone of the days and months; the name of a time zone, or empty [default: empty]' -r -f
complete -c geoip-exporter -n "__fish_geoip_exporter_using_subcommand report" -l quota -d 'Bytes that the machine may use in a month; a size from 1B to 1024PiB, with a unit, or empty [default: empty]' -r -f
complete -c geoip-exporter -n "__fish_geoip_exporter_using_subcommand report" -l quota-direction -d 'Traffic that counts for the quota; one of sent, received, both and larger [default: both]' -r -f -a "sent\t''
received\t''
both\t''
larger\t''"
complete -c geoip-exporter -n "__fish_geoip_exporter_using_subcommand report" -l quota-reset-day -d 'Day at which the month of the quota begins; a whole number from 1 to 31 [default: 1]' -r -f
complete -c geoip-exporter -n "__fish_geoip_exporter_using_subcommand report" -l name-special-addresses -d 'Name special addresses in place of UNKNOWN; true or false [default: false]' -r -f -a "true\t''
false\t''"
complete -c geoip-exporter -n "__fish_geoip_exporter_using_subcommand report" -l unknown-prefixes -d 'Show the prefixes with the most bytes of UNKNOWN; true or false [default: false]' -r -f -a "true\t''
false\t''"
complete -c geoip-exporter -n "__fish_geoip_exporter_using_subcommand report" -l hour -d 'By hour; the last 24 unless --since says otherwise'
complete -c geoip-exporter -n "__fish_geoip_exporter_using_subcommand report" -l day -d 'By day; the last 30, or today with --by'
complete -c geoip-exporter -n "__fish_geoip_exporter_using_subcommand report" -l month -d 'By month; the last 12, or this month with --by'
complete -c geoip-exporter -n "__fish_geoip_exporter_using_subcommand report" -l csv -d 'Print CSV, in bytes'
complete -c geoip-exporter -n "__fish_geoip_exporter_using_subcommand report" -l chart -d 'Print bars beside the numbers'
complete -c geoip-exporter -n "__fish_geoip_exporter_using_subcommand report" -l json -d 'Print JSON'
complete -c geoip-exporter -n "__fish_geoip_exporter_using_subcommand report" -s h -l help -d 'Print this help and exit'
complete -c geoip-exporter -n "__fish_geoip_exporter_using_subcommand report" -s V -l version -d 'Print the version and exit'
complete -c geoip-exporter -n "__fish_geoip_exporter_using_subcommand health" -l url -d 'The exporter to ask: http://HOST:PORT, https://HOST:PORT or unix:/PATH, instead of the one on this machine' -r -f
complete -c geoip-exporter -n "__fish_geoip_exporter_using_subcommand health" -l ca-file -d 'Certificates to trust, instead of those of this machine' -r -F
complete -c geoip-exporter -n "__fish_geoip_exporter_using_subcommand health" -l user -d 'User of the exporter\'s web_config_file' -r -f
complete -c geoip-exporter -n "__fish_geoip_exporter_using_subcommand health" -l password-file -d 'File with the password of the user' -r -F
complete -c geoip-exporter -n "__fish_geoip_exporter_using_subcommand health" -l config -d 'Configuration file, instead of the default one' -r -F
complete -c geoip-exporter -n "__fish_geoip_exporter_using_subcommand health" -l interfaces -d 'Interfaces to count; "any", "uplinks", "containers" or a comma list of names, patterns and exclusions (in TOML also an array) [default: ["any", "!containers"]]' -r -f
complete -c geoip-exporter -n "__fish_geoip_exporter_using_subcommand health" -l geoip-db -d 'Database of countries; the path of an mmdb file [default: /usr/share/GeoIP/GeoLite2-Country.mmdb]' -r -F
complete -c geoip-exporter -n "__fish_geoip_exporter_using_subcommand health" -l geoip-db-watch -d 'Load the database again when its file changes; true or false [default: true]' -r -f -a "true\t''
false\t''"
complete -c geoip-exporter -n "__fish_geoip_exporter_using_subcommand health" -l geoip-cache-size -d 'Database records kept decoded; a whole number from 1 to 16777216, or 0 for the default [default: 65536]' -r -f
complete -c geoip-exporter -n "__fish_geoip_exporter_using_subcommand health" -l map-max-entries -d 'Flows the kernel keeps between two polls; a whole number from 1 to 16777216 [default: 100000]' -r -f
complete -c geoip-exporter -n "__fish_geoip_exporter_using_subcommand health" -l poll-interval -d 'Time between two polls of the kernel\'s counts; a duration from 500us to 24h [default: 2s]' -r -f
complete -c geoip-exporter -n "__fish_geoip_exporter_using_subcommand health" -l flow-batch-size -d 'Flows read by one system call; a whole number from 1 to 1048576, or 0 for the default [default: 10000]' -r -f
complete -c geoip-exporter -n "__fish_geoip_exporter_using_subcommand health" -l ipv4-prefix-length -d 'Bits of a remote IPv4 address that make a flow; a whole number from 8 to 32 [default: 24]' -r -f
complete -c geoip-exporter -n "__fish_geoip_exporter_using_subcommand health" -l ipv6-prefix-length -d 'Bits of a remote IPv6 address that make a flow; a whole number from 16 to 128 [default: 48]' -r -f
complete -c geoip-exporter -n "__fish_geoip_exporter_using_subcommand health" -l host -d 'Count the traffic of the whole machine by country; true or false [default: false]' -r -f -a "true\t''
false\t''"
complete -c geoip-exporter -n "__fish_geoip_exporter_using_subcommand health" -l counted-once -d 'Interfaces at which packets of the whole machine are counted; "auto" or a comma list of names, patterns and exclusions (in TOML also an array) [default: auto]' -r -f
complete -c geoip-exporter -n "__fish_geoip_exporter_using_subcommand health" -l networks -d 'Count bytes by network (autonomous system); true or false [default: false]' -r -f -a "true\t''
false\t''"
complete -c geoip-exporter -n "__fish_geoip_exporter_using_subcommand health" -l asn-db -d 'Database of networks (autonomous systems); the path of an mmdb file [default: /usr/share/GeoIP/GeoLite2-ASN.mmdb]' -r -F
complete -c geoip-exporter -n "__fish_geoip_exporter_using_subcommand health" -l networks-top -d 'Networks with series of their own; a whole number from 1 to 10000 [default: 200]' -r -f
complete -c geoip-exporter -n "__fish_geoip_exporter_using_subcommand health" -l country-info -d 'Show the names and continents of countries; true or false [default: false]' -r -f -a "true\t''
false\t''"
complete -c geoip-exporter -n "__fish_geoip_exporter_using_subcommand health" -l remote-hosts -d 'Count bytes and packets by remote address; true or false [default: false]' -r -f -a "true\t''
false\t''"
complete -c geoip-exporter -n "__fish_geoip_exporter_using_subcommand health" -l city-db -d 'Database of cities; the path of an mmdb file, or empty [default: empty]' -r -F
complete -c geoip-exporter -n "__fish_geoip_exporter_using_subcommand health" -l names-language -d 'Language of the names of cities and subdivisions; a language tag of letters, digits and hyphens [default: en]' -r -f
complete -c geoip-exporter -n "__fish_geoip_exporter_using_subcommand health" -l remote-hosts-metrics -d 'Show the largest remote addresses as series; true or false [default: false]' -r -f -a "true\t''
false\t''"
complete -c geoip-exporter -n "__fish_geoip_exporter_using_subcommand health" -l remote-hosts-top -d 'Remote addresses with series of their own; a whole number from 1 to 5000 [default: 100]' -r -f
complete -c geoip-exporter -n "__fish_geoip_exporter_using_subcommand health" -l remote-hosts-threshold -d 'Bytes from which on a remote address may have series; a size from 0B to 1PiB, with a unit [default: 1MiB]' -r -f
complete -c geoip-exporter -n "__fish_geoip_exporter_using_subcommand health" -l connections -d 'Count TCP connections by country; true or false [default: false]' -r -f -a "true\t''
false\t''"
complete -c geoip-exporter -n "__fish_geoip_exporter_using_subcommand health" -l connections-interval -d 'Time between two visits of the open connections; a duration from 1s to 1h [default: 10s]' -r -f
complete -c geoip-exporter -n "__fish_geoip_exporter_using_subcommand health" -l connections-ignore -d 'Remote addresses whose connections are not counted; a comma list of prefixes, addresses and names of ranges (in TOML also an array) [default: []]' -r -f
complete -c geoip-exporter -n "__fish_geoip_exporter_using_subcommand health" -l connections-scope -d 'Network namespaces whose connections are counted; "namespace" or "host" [default: namespace]' -r -f
complete -c geoip-exporter -n "__fish_geoip_exporter_using_subcommand health" -l connections-countries -d 'Countries with round-trip times of their own; a whole number from 1 to 1000 [default: 64]' -r -f
complete -c geoip-exporter -n "__fish_geoip_exporter_using_subcommand health" -l countries-at-zero -d 'Countries that have series before their first packet; "none", "all" or a comma list of ISO 3166-1 codes (in TOML also an array) [default: none]' -r -f
complete -c geoip-exporter -n "__fish_geoip_exporter_using_subcommand health" -l absent-interface-retention -d 'Time that the series of an absent interface stay on the page; a duration from 1s to 8760h, or "0" [default: 1h]' -r -f
complete -c geoip-exporter -n "__fish_geoip_exporter_using_subcommand health" -l listen-address -d 'Addresses and sockets that serve the metrics; an address and port, the path of a socket behind unix:, or a comma list of them (in TOML also an array) [default: 0.0.0.0:9100]' -r -f
complete -c geoip-exporter -n "__fish_geoip_exporter_using_subcommand health" -l web-config-file -d 'File with TLS certificates and users; the path of a YAML file, or empty [default: empty]' -r -F
complete -c geoip-exporter -n "__fish_geoip_exporter_using_subcommand health" -l enable-reload -d 'Let POST /-/reload read everything again; true or false [default: false]' -r -f -a "true\t''
false\t''"
complete -c geoip-exporter -n "__fish_geoip_exporter_using_subcommand health" -l metrics-path -d 'Path of the metrics page; a path that begins with a slash [default: /metrics]' -r -f
complete -c geoip-exporter -n "__fish_geoip_exporter_using_subcommand health" -l web -d 'Serve the live map and the interface for programs; true or false [default: true]' -r -f -a "true\t''
false\t''"
complete -c geoip-exporter -n "__fish_geoip_exporter_using_subcommand health" -l state-directory -d 'Directory that keeps the counters for the next start; the path of a directory, or empty [default: empty]' -r -f -a "(__fish_complete_directories)"
complete -c geoip-exporter -n "__fish_geoip_exporter_using_subcommand health" -l pin-directory -d 'Directory of the maps and links that count while no exporter runs; the path of a directory in bpffs, or empty [default: /sys/fs/bpf/geoip-exporter]' -r -f -a "(__fish_complete_directories)"
complete -c geoip-exporter -n "__fish_geoip_exporter_using_subcommand health" -l config-watch -d 'Reload when a configuration file changes; true or false [default: false]' -r -f -a "true\t''
false\t''"
complete -c geoip-exporter -n "__fish_geoip_exporter_using_subcommand health" -l log-level -d 'Level of detail of the log; one of error, warn, info, debug and trace [default: info]' -r -f -a "error\t''
warn\t''
info\t''
debug\t''
trace\t''"
complete -c geoip-exporter -n "__fish_geoip_exporter_using_subcommand health" -l log-format -d 'Format of log lines; one of text and json [default: text]' -r -f -a "text\t''
json\t''"
complete -c geoip-exporter -n "__fish_geoip_exporter_using_subcommand health" -l sandbox -d 'Give up privileges that are not needed any more; true or false [default: true]' -r -f -a "true\t''
false\t''"
complete -c geoip-exporter -n "__fish_geoip_exporter_using_subcommand health" -l history -d 'Keep the traffic by hour, day and month; true or false [default: true]' -r -f -a "true\t''
false\t''"
complete -c geoip-exporter -n "__fish_geoip_exporter_using_subcommand health" -l history-timezone -d 'Time zone of the days and months; the name of a time zone, or empty [default: empty]' -r -f
complete -c geoip-exporter -n "__fish_geoip_exporter_using_subcommand health" -l quota -d 'Bytes that the machine may use in a month; a size from 1B to 1024PiB, with a unit, or empty [default: empty]' -r -f
complete -c geoip-exporter -n "__fish_geoip_exporter_using_subcommand health" -l quota-direction -d 'Traffic that counts for the quota; one of sent, received, both and larger [default: both]' -r -f -a "sent\t''
received\t''
both\t''
larger\t''"
complete -c geoip-exporter -n "__fish_geoip_exporter_using_subcommand health" -l quota-reset-day -d 'Day at which the month of the quota begins; a whole number from 1 to 31 [default: 1]' -r -f
complete -c geoip-exporter -n "__fish_geoip_exporter_using_subcommand health" -l name-special-addresses -d 'Name special addresses in place of UNKNOWN; true or false [default: false]' -r -f -a "true\t''
false\t''"
complete -c geoip-exporter -n "__fish_geoip_exporter_using_subcommand health" -l unknown-prefixes -d 'Show the prefixes with the most bytes of UNKNOWN; true or false [default: false]' -r -f -a "true\t''
false\t''"
complete -c geoip-exporter -n "__fish_geoip_exporter_using_subcommand health" -s h -l help -d 'Print this help and exit'
complete -c geoip-exporter -n "__fish_geoip_exporter_using_subcommand health" -s V -l version -d 'Print the version and exit'
complete -c geoip-exporter -n "__fish_geoip_exporter_using_subcommand remove-pins" -l config -d 'Configuration file, instead of the default one' -r -F
complete -c geoip-exporter -n "__fish_geoip_exporter_using_subcommand remove-pins" -l interfaces -d 'Interfaces to count; "any", "uplinks", "containers" or a comma list of names, patterns and exclusions (in TOML also an array) [default: ["any", "!containers"]]' -r -f
complete -c geoip-exporter -n "__fish_geoip_exporter_using_subcommand remove-pins" -l geoip-db -d 'Database of countries; the path of an mmdb file [default: /usr/share/GeoIP/GeoLite2-Country.mmdb]' -r -F
complete -c geoip-exporter -n "__fish_geoip_exporter_using_subcommand remove-pins" -l geoip-db-watch -d 'Load the database again when its file changes; true or false [default: true]' -r -f -a "true\t''
false\t''"
complete -c geoip-exporter -n "__fish_geoip_exporter_using_subcommand remove-pins" -l geoip-cache-size -d 'Database records kept decoded; a whole number from 1 to 16777216, or 0 for the default [default: 65536]' -r -f
complete -c geoip-exporter -n "__fish_geoip_exporter_using_subcommand remove-pins" -l map-max-entries -d 'Flows the kernel keeps between two polls; a whole number from 1 to 16777216 [default: 100000]' -r -f
complete -c geoip-exporter -n "__fish_geoip_exporter_using_subcommand remove-pins" -l poll-interval -d 'Time between two polls of the kernel\'s counts; a duration from 500us to 24h [default: 2s]' -r -f
complete -c geoip-exporter -n "__fish_geoip_exporter_using_subcommand remove-pins" -l flow-batch-size -d 'Flows read by one system call; a whole number from 1 to 1048576, or 0 for the default [default: 10000]' -r -f
complete -c geoip-exporter -n "__fish_geoip_exporter_using_subcommand remove-pins" -l ipv4-prefix-length -d 'Bits of a remote IPv4 address that make a flow; a whole number from 8 to 32 [default: 24]' -r -f
complete -c geoip-exporter -n "__fish_geoip_exporter_using_subcommand remove-pins" -l ipv6-prefix-length -d 'Bits of a remote IPv6 address that make a flow; a whole number from 16 to 128 [default: 48]' -r -f
complete -c geoip-exporter -n "__fish_geoip_exporter_using_subcommand remove-pins" -l host -d 'Count the traffic of the whole machine by country; true or false [default: false]' -r -f -a "true\t''
false\t''"
complete -c geoip-exporter -n "__fish_geoip_exporter_using_subcommand remove-pins" -l counted-once -d 'Interfaces at which packets of the whole machine are counted; "auto" or a comma list of names, patterns and exclusions (in TOML also an array) [default: auto]' -r -f
complete -c geoip-exporter -n "__fish_geoip_exporter_using_subcommand remove-pins" -l networks -d 'Count bytes by network (autonomous system); true or false [default: false]' -r -f -a "true\t''
false\t''"
complete -c geoip-exporter -n "__fish_geoip_exporter_using_subcommand remove-pins" -l asn-db -d 'Database of networks (autonomous systems); the path of an mmdb file [default: /usr/share/GeoIP/GeoLite2-ASN.mmdb]' -r -F
complete -c geoip-exporter -n "__fish_geoip_exporter_using_subcommand remove-pins" -l networks-top -d 'Networks with series of their own; a whole number from 1 to 10000 [default: 200]' -r -f
complete -c geoip-exporter -n "__fish_geoip_exporter_using_subcommand remove-pins" -l country-info -d 'Show the names and continents of countries; true or false [default: false]' -r -f -a "true\t''
false\t''"
complete -c geoip-exporter -n "__fish_geoip_exporter_using_subcommand remove-pins" -l remote-hosts -d 'Count bytes and packets by remote address; true or false [default: false]' -r -f -a "true\t''
false\t''"
complete -c geoip-exporter -n "__fish_geoip_exporter_using_subcommand remove-pins" -l city-db -d 'Database of cities; the path of an mmdb file, or empty [default: empty]' -r -F
complete -c geoip-exporter -n "__fish_geoip_exporter_using_subcommand remove-pins" -l names-language -d 'Language of the names of cities and subdivisions; a language tag of letters, digits and hyphens [default: en]' -r -f
complete -c geoip-exporter -n "__fish_geoip_exporter_using_subcommand remove-pins" -l remote-hosts-metrics -d 'Show the largest remote addresses as series; true or false [default: false]' -r -f -a "true\t''
false\t''"
complete -c geoip-exporter -n "__fish_geoip_exporter_using_subcommand remove-pins" -l remote-hosts-top -d 'Remote addresses with series of their own; a whole number from 1 to 5000 [default: 100]' -r -f
complete -c geoip-exporter -n "__fish_geoip_exporter_using_subcommand remove-pins" -l remote-hosts-threshold -d 'Bytes from which on a remote address may have series; a size from 0B to 1PiB, with a unit [default: 1MiB]' -r -f
complete -c geoip-exporter -n "__fish_geoip_exporter_using_subcommand remove-pins" -l connections -d 'Count TCP connections by country; true or false [default: false]' -r -f -a "true\t''
false\t''"
complete -c geoip-exporter -n "__fish_geoip_exporter_using_subcommand remove-pins" -l connections-interval -d 'Time between two visits of the open connections; a duration from 1s to 1h [default: 10s]' -r -f
complete -c geoip-exporter -n "__fish_geoip_exporter_using_subcommand remove-pins" -l connections-ignore -d 'Remote addresses whose connections are not counted; a comma list of prefixes, addresses and names of ranges (in TOML also an array) [default: []]' -r -f
complete -c geoip-exporter -n "__fish_geoip_exporter_using_subcommand remove-pins" -l connections-scope -d 'Network namespaces whose connections are counted; "namespace" or "host" [default: namespace]' -r -f
complete -c geoip-exporter -n "__fish_geoip_exporter_using_subcommand remove-pins" -l connections-countries -d 'Countries with round-trip times of their own; a whole number from 1 to 1000 [default: 64]' -r -f
complete -c geoip-exporter -n "__fish_geoip_exporter_using_subcommand remove-pins" -l countries-at-zero -d 'Countries that have series before their first packet; "none", "all" or a comma list of ISO 3166-1 codes (in TOML also an array) [default: none]' -r -f
complete -c geoip-exporter -n "__fish_geoip_exporter_using_subcommand remove-pins" -l absent-interface-retention -d 'Time that the series of an absent interface stay on the page; a duration from 1s to 8760h, or "0" [default: 1h]' -r -f
complete -c geoip-exporter -n "__fish_geoip_exporter_using_subcommand remove-pins" -l listen-address -d 'Addresses and sockets that serve the metrics; an address and port, the path of a socket behind unix:, or a comma list of them (in TOML also an array) [default: 0.0.0.0:9100]' -r -f
complete -c geoip-exporter -n "__fish_geoip_exporter_using_subcommand remove-pins" -l web-config-file -d 'File with TLS certificates and users; the path of a YAML file, or empty [default: empty]' -r -F
complete -c geoip-exporter -n "__fish_geoip_exporter_using_subcommand remove-pins" -l enable-reload -d 'Let POST /-/reload read everything again; true or false [default: false]' -r -f -a "true\t''
false\t''"
complete -c geoip-exporter -n "__fish_geoip_exporter_using_subcommand remove-pins" -l metrics-path -d 'Path of the metrics page; a path that begins with a slash [default: /metrics]' -r -f
complete -c geoip-exporter -n "__fish_geoip_exporter_using_subcommand remove-pins" -l web -d 'Serve the live map and the interface for programs; true or false [default: true]' -r -f -a "true\t''
false\t''"
complete -c geoip-exporter -n "__fish_geoip_exporter_using_subcommand remove-pins" -l state-directory -d 'Directory that keeps the counters for the next start; the path of a directory, or empty [default: empty]' -r -f -a "(__fish_complete_directories)"
complete -c geoip-exporter -n "__fish_geoip_exporter_using_subcommand remove-pins" -l pin-directory -d 'Directory of the maps and links that count while no exporter runs; the path of a directory in bpffs, or empty [default: /sys/fs/bpf/geoip-exporter]' -r -f -a "(__fish_complete_directories)"
complete -c geoip-exporter -n "__fish_geoip_exporter_using_subcommand remove-pins" -l config-watch -d 'Reload when a configuration file changes; true or false [default: false]' -r -f -a "true\t''
false\t''"
complete -c geoip-exporter -n "__fish_geoip_exporter_using_subcommand remove-pins" -l log-level -d 'Level of detail of the log; one of error, warn, info, debug and trace [default: info]' -r -f -a "error\t''
warn\t''
info\t''
debug\t''
trace\t''"
complete -c geoip-exporter -n "__fish_geoip_exporter_using_subcommand remove-pins" -l log-format -d 'Format of log lines; one of text and json [default: text]' -r -f -a "text\t''
json\t''"
complete -c geoip-exporter -n "__fish_geoip_exporter_using_subcommand remove-pins" -l sandbox -d 'Give up privileges that are not needed any more; true or false [default: true]' -r -f -a "true\t''
false\t''"
complete -c geoip-exporter -n "__fish_geoip_exporter_using_subcommand remove-pins" -l history -d 'Keep the traffic by hour, day and month; true or false [default: true]' -r -f -a "true\t''
false\t''"
complete -c geoip-exporter -n "__fish_geoip_exporter_using_subcommand remove-pins" -l history-timezone -d 'Time zone of the days and months; the name of a time zone, or empty [default: empty]' -r -f
complete -c geoip-exporter -n "__fish_geoip_exporter_using_subcommand remove-pins" -l quota -d 'Bytes that the machine may use in a month; a size from 1B to 1024PiB, with a unit, or empty [default: empty]' -r -f
complete -c geoip-exporter -n "__fish_geoip_exporter_using_subcommand remove-pins" -l quota-direction -d 'Traffic that counts for the quota; one of sent, received, both and larger [default: both]' -r -f -a "sent\t''
received\t''
both\t''
larger\t''"
complete -c geoip-exporter -n "__fish_geoip_exporter_using_subcommand remove-pins" -l quota-reset-day -d 'Day at which the month of the quota begins; a whole number from 1 to 31 [default: 1]' -r -f
complete -c geoip-exporter -n "__fish_geoip_exporter_using_subcommand remove-pins" -l name-special-addresses -d 'Name special addresses in place of UNKNOWN; true or false [default: false]' -r -f -a "true\t''
false\t''"
complete -c geoip-exporter -n "__fish_geoip_exporter_using_subcommand remove-pins" -l unknown-prefixes -d 'Show the prefixes with the most bytes of UNKNOWN; true or false [default: false]' -r -f -a "true\t''
false\t''"
complete -c geoip-exporter -n "__fish_geoip_exporter_using_subcommand remove-pins" -s h -l help -d 'Print this help and exit'
complete -c geoip-exporter -n "__fish_geoip_exporter_using_subcommand remove-pins" -s V -l version -d 'Print the version and exit'
