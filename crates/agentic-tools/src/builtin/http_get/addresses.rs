//! Which addresses belong to the public internet.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use reqwest::dns::{Addrs, Name, Resolve, Resolving};

/// Whether an address is a public one: global unicast by the IANA special-purpose registries (RFC 6890 and its
/// updates).
pub(super) fn is_public(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(address) => is_public_v4(address),
        IpAddr::V6(address) => is_public_v6(address),
    }
}

fn is_public_v4(address: Ipv4Addr) -> bool {
    let [a, b, c, _] = address.octets();
    !(a == 0
        || address.is_private()
        || address.is_loopback()
        || address.is_link_local()
        || address.is_multicast()
        || address.is_documentation()
        // Carrier-grade NAT; protocol assignments; 6to4 relays; benchmarks; reserved and broadcast.
        || (a == 100 && (64..128).contains(&b))
        || (a == 192 && b == 0 && c == 0)
        || (a == 192 && b == 88 && c == 99)
        || (a == 198 && (18..20).contains(&b))
        || a >= 240)
}

fn is_public_v6(address: Ipv6Addr) -> bool {
    if let Some(inner) = address.to_ipv4_mapped() {
        return is_public_v4(inner);
    }
    let segments = address.segments();
    let [first, second, ..] = segments;
    let embedded = |high: u16, low: u16| {
        is_public_v4(Ipv4Addr::from((u32::from(high) << 16) | u32::from(low)))
    };
    match (first, second) {
        // NAT64 and 6to4 carry an IPv4 address.
        (0x64, 0xff9b) => segments[2..6] == [0; 4] && embedded(segments[6], segments[7]),
        (0x2002, _) => embedded(second, segments[2]),
        // Teredo, ORCHID, benchmarks and others; documentation.
        (0x2001, second) if second < 0x200 => false,
        (0x2001, 0xdb8) | (0x3fff, 0..0x1000) => false,
        // All global unicast is here.
        (first, _) => (0x2000..0x4000).contains(&first),
    }
}

/// Looks names up and gives the public addresses alone. The connection is made to exactly these, so a name that
/// changes its mind between a check and the connection gains nothing.
#[derive(Clone, Copy, Debug)]
pub(super) struct PublicOnly;

/// No public address among those of a name.
#[derive(Debug, thiserror::Error)]
#[error("the name leads to private addresses only")]
pub(super) struct OnlyPrivate;

impl Resolve for PublicOnly {
    fn resolve(&self, name: Name) -> Resolving {
        Box::pin(async move {
            let found = tokio::net::lookup_host((name.as_str(), 0)).await?;
            let public: Vec<SocketAddr> = found.filter(|address| is_public(address.ip())).collect();
            if public.is_empty() {
                return Err(Box::new(OnlyPrivate) as Box<dyn std::error::Error + Send + Sync>);
            }
            Ok(Box::new(public.into_iter()) as Addrs)
        })
    }
}
