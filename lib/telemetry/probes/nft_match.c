/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Registers and comparisons of nf_tables in nft's words, as far as they are known here. */
#include "telemetry/probes/nft_match.h"

#include <arpa/inet.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>
#include <netinet/in.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/must.h"

enum format {
	FORMAT_HEX,
	FORMAT_NAME,     /* of an interface, padded with zeros */
	FORMAT_HOST,     /* a number in the machine's byte order */
	FORMAT_HOST_HEX, /* the same, as 0x%08x */
	FORMAT_NET,      /* a number in the network's byte order */
	FORMAT_L4,
	FORMAT_L3,
	FORMAT_ETHER_TYPE,
	FORMAT_IP4,
	FORMAT_IP6,
	FORMAT_CT_STATE,
};

struct key_row {
	uint32_t key;
	const char *name;
	enum format format;
};

static const struct key_row meta_rows[] = {
	{ NFT_META_LEN, "meta length", FORMAT_HOST },
	{ NFT_META_PROTOCOL, "meta protocol", FORMAT_ETHER_TYPE },
	{ NFT_META_PRIORITY, "meta priority", FORMAT_HOST_HEX },
	{ NFT_META_MARK, "meta mark", FORMAT_HOST_HEX },
	{ NFT_META_IIF, "iif", FORMAT_HOST },
	{ NFT_META_OIF, "oif", FORMAT_HOST },
	{ NFT_META_IIFNAME, "iifname", FORMAT_NAME },
	{ NFT_META_OIFNAME, "oifname", FORMAT_NAME },
	{ NFT_META_IIFTYPE, "iiftype", FORMAT_HOST },
	{ NFT_META_OIFTYPE, "oiftype", FORMAT_HOST },
	{ NFT_META_SKUID, "meta skuid", FORMAT_HOST },
	{ NFT_META_SKGID, "meta skgid", FORMAT_HOST },
	{ NFT_META_NFPROTO, "meta nfproto", FORMAT_L3 },
	{ NFT_META_L4PROTO, "meta l4proto", FORMAT_L4 },
	{ NFT_META_BRI_IIFNAME, "ibrname", FORMAT_NAME },
	{ NFT_META_BRI_OIFNAME, "obrname", FORMAT_NAME },
	{ NFT_META_PKTTYPE, "meta pkttype", FORMAT_NET },
	{ NFT_META_CPU, "meta cpu", FORMAT_HOST },
	{ NFT_META_IIFGROUP, "iifgroup", FORMAT_HOST },
	{ NFT_META_OIFGROUP, "oifgroup", FORMAT_HOST },
	{ NFT_META_CGROUP, "meta cgroup", FORMAT_HOST },
};

static const struct key_row ct_rows[] = {
	{ NFT_CT_STATE, "ct state", FORMAT_CT_STATE },
	{ NFT_CT_DIRECTION, "ct direction", FORMAT_NET },
	{ NFT_CT_STATUS, "ct status", FORMAT_HOST_HEX },
	{ NFT_CT_MARK, "ct mark", FORMAT_HOST_HEX },
};

/* l3 and l4 are what must be known; 0 asks for nothing. */
static const struct payload_row {
	uint32_t base, offset, size;
	uint8_t l3, l4;
	const char *name;
	enum format format;
} payload_rows[] = {
	{ NFT_PAYLOAD_NETWORK_HEADER, 12, 4, NFPROTO_IPV4, 0, "ip saddr", FORMAT_IP4 },
	{ NFT_PAYLOAD_NETWORK_HEADER, 16, 4, NFPROTO_IPV4, 0, "ip daddr", FORMAT_IP4 },
	{ NFT_PAYLOAD_NETWORK_HEADER, 9, 1, NFPROTO_IPV4, 0, "ip protocol", FORMAT_L4 },
	{ NFT_PAYLOAD_NETWORK_HEADER, 8, 1, NFPROTO_IPV4, 0, "ip ttl", FORMAT_NET },
	{ NFT_PAYLOAD_NETWORK_HEADER, 2, 2, NFPROTO_IPV4, 0, "ip length", FORMAT_NET },
	{ NFT_PAYLOAD_NETWORK_HEADER, 8, 16, NFPROTO_IPV6, 0, "ip6 saddr", FORMAT_IP6 },
	{ NFT_PAYLOAD_NETWORK_HEADER, 24, 16, NFPROTO_IPV6, 0, "ip6 daddr", FORMAT_IP6 },
	{ NFT_PAYLOAD_NETWORK_HEADER, 6, 1, NFPROTO_IPV6, 0, "ip6 nexthdr", FORMAT_L4 },
	{ NFT_PAYLOAD_NETWORK_HEADER, 7, 1, NFPROTO_IPV6, 0, "ip6 hoplimit", FORMAT_NET },
	{ NFT_PAYLOAD_TRANSPORT_HEADER, 0, 2, 0, IPPROTO_TCP, "tcp sport", FORMAT_NET },
	{ NFT_PAYLOAD_TRANSPORT_HEADER, 2, 2, 0, IPPROTO_TCP, "tcp dport", FORMAT_NET },
	{ NFT_PAYLOAD_TRANSPORT_HEADER, 13, 1, 0, IPPROTO_TCP, "tcp flags", FORMAT_HEX },
	{ NFT_PAYLOAD_TRANSPORT_HEADER, 0, 2, 0, IPPROTO_UDP, "udp sport", FORMAT_NET },
	{ NFT_PAYLOAD_TRANSPORT_HEADER, 2, 2, 0, IPPROTO_UDP, "udp dport", FORMAT_NET },
	{ NFT_PAYLOAD_TRANSPORT_HEADER, 0, 2, 0, IPPROTO_SCTP, "sctp sport", FORMAT_NET },
	{ NFT_PAYLOAD_TRANSPORT_HEADER, 2, 2, 0, IPPROTO_SCTP, "sctp dport", FORMAT_NET },
	{ NFT_PAYLOAD_TRANSPORT_HEADER, 0, 1, 0, IPPROTO_ICMP, "icmp type", FORMAT_NET },
	{ NFT_PAYLOAD_TRANSPORT_HEADER, 1, 1, 0, IPPROTO_ICMP, "icmp code", FORMAT_NET },
	{ NFT_PAYLOAD_TRANSPORT_HEADER, 0, 1, 0, IPPROTO_ICMPV6, "icmpv6 type", FORMAT_NET },
	{ NFT_PAYLOAD_TRANSPORT_HEADER, 1, 1, 0, IPPROTO_ICMPV6, "icmpv6 code", FORMAT_NET },
	{ NFT_PAYLOAD_LL_HEADER, 0, 6, 0, 0, "ether daddr", FORMAT_HEX },
	{ NFT_PAYLOAD_LL_HEADER, 6, 6, 0, 0, "ether saddr", FORMAT_HEX },
	{ NFT_PAYLOAD_LL_HEADER, 12, 2, 0, 0, "ether type", FORMAT_ETHER_TYPE },
};

static const struct key_row l4_names[] = {
	{ IPPROTO_ICMP, "icmp", 0 },        { IPPROTO_TCP, "tcp", 0 }, { IPPROTO_UDP, "udp", 0 },
	{ IPPROTO_ICMPV6, "ipv6-icmp", 0 }, { IPPROTO_ESP, "esp", 0 }, { IPPROTO_AH, "ah", 0 },
	{ IPPROTO_SCTP, "sctp", 0 },        { IPPROTO_GRE, "gre", 0 },
};
static const struct key_row l3_names[] = {
	{ NFPROTO_IPV4, "ipv4", 0 },
	{ NFPROTO_IPV6, "ipv6", 0 },
};
static const struct key_row ether_names[] = {
	{ 0x0800, "ip", 0 },
	{ 0x0806, "arp", 0 },
	{ 0x86dd, "ip6", 0 },
	{ 0x8100, "vlan", 0 },
};
/* The kernel's NF_CT_STATE_BIT of each state. */
static const struct key_row state_names[] = {
	{ 1u << 0, "invalid", 0 }, { 1u << 1, "established", 0 }, { 1u << 2, "related", 0 },
	{ 1u << 3, "new", 0 },     { 1u << 6, "untracked", 0 },
};

#define ROWS(array) (array), sizeof(array) / sizeof((array)[0])

static const struct key_row *
key_find(const struct key_row *rows, size_t count, uint32_t key)
{
	size_t i;

	for (i = 0; i < count; i++)
		if (rows[i].key == key)
			return &rows[i];
	return NULL;
}

/* What a slot is called, how its values are written, and how many bits of it were loaded. */
struct left_side {
	char name[48];
	enum format format;
	size_t size; /* of the whole field; 0 where it is not known */
};

static __attribute__((format(printf, 2, 0))) void
text_append(struct nft_text *t, const char *format, va_list ap)
{
	size_t room = t->capacity - t->size;
	int n;

	if (t->is_cut)
		return;
	n = vsnprintf(t->data + t->size, room, format, ap);
	MUST(n >= 0);
	if ((size_t)n < room) {
		t->size += (size_t)n;
		return;
	}
	t->is_cut = true;
	memcpy(t->data + t->capacity - 4, "...", 4);
	t->size = t->capacity - 1;
}

void
nft_text_more(struct nft_text *t, const char *format, ...)
{
	va_list ap;

	va_start(ap, format);
	text_append(t, format, ap);
	va_end(ap);
}

void
nft_text_word(struct nft_text *t, const char *format, ...)
{
	va_list ap;

	if (t->size > 0)
		nft_text_more(t, " ");
	va_start(ap, format);
	text_append(t, format, ap);
	va_end(ap);
}

struct nft_slot *
nft_match_slot(struct nft_match *m, uint32_t reg)
{
	if (reg >= NFT_REG_1 && reg <= NFT_REG_4)
		return &m->slots[(reg - NFT_REG_1) * 4];
	if (reg >= NFT_REG32_00 && reg <= NFT_REG32_15)
		return &m->slots[reg - NFT_REG32_00];
	return NULL;
}

static void
name_payload(const struct nft_match *m, const struct nft_slot *slot, struct left_side *out)
{
	static const char *const bases[] = { "ll", "nh", "th", "ih" };
	size_t i;

	for (i = 0; i < sizeof(payload_rows) / sizeof(payload_rows[0]); i++) {
		const struct payload_row *row = &payload_rows[i];
		bool is_address = row->format == FORMAT_IP4 || row->format == FORMAT_IP6;

		if (row->base != slot->base || row->offset != slot->offset ||
		    (row->l3 != 0 && row->l3 != m->l3) || (row->l4 != 0 && row->l4 != m->l4))
			continue;
		/* A prefix of whole bytes is loaded as those bytes alone. */
		if (row->size != slot->size && !(is_address && slot->size < row->size))
			continue;
		(void)snprintf(out->name, sizeof(out->name), "%s", row->name);
		out->format = row->format;
		out->size = row->size;
		return;
	}
	(void)snprintf(out->name, sizeof(out->name), "@%s,%u,%u",
		       slot->base < 4 ? bases[slot->base] : "?", slot->offset * 8, slot->size * 8);
}

static void
name_slot(const struct nft_match *m, const struct nft_slot *slot, struct left_side *out)
{
	const struct key_row *row = NULL;

	*out = (struct left_side){ .name = "[register]", .format = FORMAT_HEX };
	if (slot->load == NFT_LOAD_PAYLOAD) {
		name_payload(m, slot, out);
		return;
	}
	if (slot->load == NFT_LOAD_META)
		row = key_find(ROWS(meta_rows), slot->key);
	else if (slot->load == NFT_LOAD_CT)
		row = key_find(ROWS(ct_rows), slot->key);
	if (row != NULL) {
		(void)snprintf(out->name, sizeof(out->name), "%s", row->name);
		out->format = row->format;
	} else if (slot->load == NFT_LOAD_META || slot->load == NFT_LOAD_CT) {
		(void)snprintf(out->name, sizeof(out->name), "%s %u",
			       slot->load == NFT_LOAD_META ? "meta" : "ct", slot->key);
	}
}

static uint64_t
number_of(struct nft_value v, bool is_host)
{
	uint64_t n = 0;
	size_t i;

	for (i = 0; i < v.size && i < 8; i++) {
#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
		n |= is_host ? (uint64_t)v.data[i] << (8 * i) : 0;
		n = is_host ? n : n << 8 | v.data[i];
#else
		n = n << 8 | v.data[i];
#endif
	}
	return n;
}

static void
write_named(struct nft_text *t, const struct key_row *rows, size_t count, uint64_t n,
	    const char *format)
{
	const struct key_row *row = n <= UINT32_MAX ? key_find(rows, count, (uint32_t)n) : NULL;

	if (row != NULL)
		nft_text_more(t, "%s", row->name);
	else if (strcmp(format, "hex") == 0)
		nft_text_more(t, "0x%04llx", (unsigned long long)n);
	else
		nft_text_more(t, "%llu", (unsigned long long)n);
}

/* The interface's name in quotes; one without a zero at its end is a prefix. */
static void
write_name(struct nft_text *t, struct nft_value v)
{
	size_t i;

	nft_text_more(t, "\"");
	for (i = 0; i < v.size && v.data[i] != '\0'; i++)
		nft_text_more(t,
			      v.data[i] > 0x20 && v.data[i] < 0x7f && v.data[i] != '"' ? "%c"
										       : "\\x%02x",
			      v.data[i]);
	nft_text_more(t, "%s\"", i == v.size && v.size < 16 ? "*" : "");
}

static void
write_states(struct nft_text *t, uint64_t bits)
{
	const char *separator = "";
	size_t i;

	for (i = 0; i < sizeof(state_names) / sizeof(state_names[0]); i++) {
		if ((bits & state_names[i].key) == 0)
			continue;
		nft_text_more(t, "%s%s", separator, state_names[i].name);
		bits &= ~(uint64_t)state_names[i].key;
		separator = ",";
	}
	if (bits != 0 || separator[0] == '\0')
		nft_text_more(t, "%s0x%llx", separator, (unsigned long long)bits);
}

static void
write_hex(struct nft_text *t, struct nft_value v)
{
	size_t i;

	nft_text_more(t, "0x");
	for (i = 0; i < v.size; i++)
		nft_text_more(t, "%02x", v.data[i]);
}

static void
write_address(struct nft_text *t, const struct left_side *left, struct nft_value v)
{
	int family = left->format == FORMAT_IP4 ? AF_INET : AF_INET6;
	char text[INET6_ADDRSTRLEN];
	uint8_t whole[16] = { 0 };

	memcpy(whole, v.data, v.size < left->size ? v.size : left->size);
	nft_text_more(t, "%s", inet_ntop(family, whole, text, sizeof(text)));
	if (v.size < left->size)
		nft_text_more(t, "/%zu", v.size * 8);
}

static void
write_value(struct nft_text *t, const struct left_side *left, struct nft_value v)
{
	bool is_number = v.size > 0 && v.size <= 8;

	if (left->format == FORMAT_NAME)
		write_name(t, v);
	else if ((left->format == FORMAT_IP4 || left->format == FORMAT_IP6) && left->size > 0 &&
		 v.size <= left->size)
		write_address(t, left, v);
	else if (!is_number || left->format == FORMAT_HEX)
		write_hex(t, v);
	else if (left->format == FORMAT_HOST)
		nft_text_more(t, "%llu", (unsigned long long)number_of(v, true));
	else if (left->format == FORMAT_HOST_HEX)
		nft_text_more(t, "0x%08llx", (unsigned long long)number_of(v, true));
	else if (left->format == FORMAT_L4)
		write_named(t, ROWS(l4_names), number_of(v, false), "decimal");
	else if (left->format == FORMAT_L3)
		write_named(t, ROWS(l3_names), number_of(v, false), "decimal");
	else if (left->format == FORMAT_ETHER_TYPE)
		write_named(t, ROWS(ether_names), number_of(v, false), "hex");
	else if (left->format == FORMAT_CT_STATE)
		write_states(t, number_of(v, true));
	else
		nft_text_more(t, "%llu", (unsigned long long)number_of(v, false));
}

/* The size in bits of a mask that is ones and then zeros; -1 for another. */
static int
prefix_of(const uint8_t *mask, size_t size)
{
	int bits = 0;
	size_t i;

	for (i = 0; i < size * 8 && (mask[i / 8] >> (7 - i % 8) & 1) != 0; i++)
		bits++;
	for (; i < size * 8; i++)
		if ((mask[i / 8] >> (7 - i % 8) & 1) != 0)
			return -1;
	return bits;
}

static bool
is_zero(struct nft_value v)
{
	size_t i;

	for (i = 0; i < v.size; i++)
		if (v.data[i] != 0)
			return false;
	return true;
}

static const char *
op_text(uint32_t op)
{
	static const char *const ops[] = { "", "!= ", "< ", "<= ", "> ", ">= " };

	return op < sizeof(ops) / sizeof(ops[0]) ? ops[op] : "? ";
}

/* The left side, after taking back what it implies. */
static void
begin(struct nft_match *m, struct nft_slot *slot, struct left_side *left)
{
	bool needs_l3 = slot->load == NFT_LOAD_PAYLOAD && slot->base == NFT_PAYLOAD_NETWORK_HEADER;
	bool needs_l4 =
		slot->load == NFT_LOAD_PAYLOAD && slot->base == NFT_PAYLOAD_TRANSPORT_HEADER;

	name_slot(m, slot, left);
	if (left->name[0] != '@' && m->implied_to == m->text->size && !m->text->is_cut &&
	    ((needs_l3 && m->implied == NFT_IMPLIES_L3) ||
	     (needs_l4 && m->implied == NFT_IMPLIES_L4))) {
		m->text->size = m->implied_from;
		m->text->data[m->text->size] = '\0';
	}
	m->implied = NFT_IMPLIES_NONE;
	slot->is_pending = false;
}

/* Remembers what a comparison by equality tells of the packet. */
static void
learn(struct nft_match *m, const struct nft_slot *slot, struct nft_value v, size_t from)
{
	uint64_t n = number_of(v, false);

	if (slot->is_masked)
		return;
	if (slot->load == NFT_LOAD_META && slot->key == NFT_META_NFPROTO && v.size == 1) {
		m->l3 = (uint8_t)n;
		m->implied = NFT_IMPLIES_L3;
	} else if (slot->load == NFT_LOAD_META && slot->key == NFT_META_L4PROTO && v.size == 1) {
		m->l4 = (uint8_t)n;
		m->implied = NFT_IMPLIES_L4;
	} else if ((slot->load == NFT_LOAD_META && slot->key == NFT_META_PROTOCOL) ||
		   (slot->load == NFT_LOAD_PAYLOAD && slot->base == NFT_PAYLOAD_LL_HEADER &&
		    slot->offset == 12)) {
		m->l3 = n == 0x0800 ? NFPROTO_IPV4 : n == 0x86dd ? NFPROTO_IPV6 : 0;
	} else if (slot->load == NFT_LOAD_PAYLOAD && slot->base == NFT_PAYLOAD_NETWORK_HEADER &&
		   v.size == 1 &&
		   ((m->l3 == NFPROTO_IPV4 && slot->offset == 9) ||
		    (m->l3 == NFPROTO_IPV6 && slot->offset == 6))) {
		m->l4 = (uint8_t)n;
	}
	m->implied_from = from;
	m->implied_to = m->text->size;
}

void
nft_match_cmp(struct nft_match *m, struct nft_slot *slot, uint32_t op, struct nft_value value)
{
	struct nft_text *t = m->text;
	struct left_side left;
	size_t from;
	int prefix = -1;

	begin(m, slot, &left);
	from = t->size;
	if (!slot->is_masked) {
		nft_text_word(t, "%s %s", left.name, op_text(op));
		write_value(t, &left, value);
	} else if (left.format == FORMAT_CT_STATE && is_zero(value) && op == NFT_CMP_NEQ) {
		nft_text_word(t, "%s ", left.name);
		write_value(t, &left, (struct nft_value){ slot->mask, value.size });
	} else {
		if (left.size > 0 && left.size == value.size &&
		    (left.format == FORMAT_IP4 || left.format == FORMAT_IP6))
			prefix = prefix_of(slot->mask, value.size);
		if (prefix >= 0) {
			nft_text_word(t, "%s %s", left.name, op_text(op));
			write_value(t, &left, value);
			nft_text_more(t, "/%d", prefix);
		} else {
			nft_text_word(t, "%s & ", left.name);
			write_value(t, &left, (struct nft_value){ slot->mask, value.size });
			nft_text_more(t, " %s", op == NFT_CMP_EQ ? "== " : op_text(op));
			write_value(t, &left, value);
		}
	}
	if (op == NFT_CMP_EQ)
		learn(m, slot, value, from);
}

void
nft_match_range(struct nft_match *m, struct nft_slot *slot, bool is_negated, struct nft_value from,
		struct nft_value to)
{
	struct left_side left;

	begin(m, slot, &left);
	nft_text_word(m->text, "%s %s", left.name, is_negated ? "!= " : "");
	write_value(m->text, &left, from);
	nft_text_more(m->text, "-");
	write_value(m->text, &left, to);
}

void
nft_match_set(struct nft_match *m, struct nft_slot *slot, bool is_negated, const char *set)
{
	size_t at = (size_t)(slot - m->slots);
	const char *separator = "";
	struct left_side left;

	begin(m, slot, &left);
	nft_text_word(m->text, "%s", "");
	/* A set of several fields is looked up with what stands in the registers that follow. */
	while (at < NFT_SLOTS && (separator[0] == '\0' || m->slots[at].is_pending)) {
		struct nft_slot *s = &m->slots[at];
		uint32_t size = s->load == NFT_LOAD_PAYLOAD && s->size > 0 ? s->size : 4;

		name_slot(m, s, &left);
		s->is_pending = false;
		nft_text_more(m->text, "%s%s", separator, left.name);
		separator = " . ";
		at += (size + 3) / 4;
	}
	nft_text_more(m->text, " %s@%s", is_negated ? "!= " : "", set);
	m->implied = NFT_IMPLIES_NONE;
}

void
nft_match_assign(struct nft_match *m, enum nft_load load, uint32_t key, struct nft_slot *slot)
{
	struct nft_slot target = { .load = load, .key = key };
	struct left_side left;

	name_slot(m, &target, &left);
	slot->is_pending = false;
	nft_text_word(m->text, "%s set ", left.name);
	if (slot->load == NFT_LOAD_VALUE)
		write_value(m->text, &left, (struct nft_value){ slot->value, slot->value_size });
	else
		nft_text_more(m->text, "[register]");
	m->implied = NFT_IMPLIES_NONE;
}

void
nft_match_flush(struct nft_match *m)
{
	static const char *const names[] = {
		[NFT_LOAD_NONE] = "register",   [NFT_LOAD_META] = "meta",
		[NFT_LOAD_CT] = "ct",           [NFT_LOAD_PAYLOAD] = "payload",
		[NFT_LOAD_VALUE] = "immediate", [NFT_LOAD_OTHER] = "register",
	};
	size_t i;

	for (i = 0; i < NFT_SLOTS; i++) {
		if (!m->slots[i].is_pending)
			continue;
		nft_text_word(m->text, "[%s]", names[m->slots[i].load]);
		m->slots[i].is_pending = false;
		m->implied = NFT_IMPLIES_NONE;
	}
}
