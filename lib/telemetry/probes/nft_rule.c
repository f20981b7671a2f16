/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * Takes a rule's netlink message apart, expression by expression.  The kernel wrote it, but it is
 * bounds-checked as if anybody had.
 */
#include "telemetry/probes/nft_rule.h"

#include <arpa/inet.h>
#include <endian.h>
#include <libmnl/libmnl.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nfnetlink.h>
#include <string.h>

#include "base/text.h"
#include "telemetry/probes/nft_match.h"

/* More than the highest attribute that is looked at. */
#define ATTRIBUTES 16u

struct attributes {
	const struct nlattr *at[ATTRIBUTES];
};

static const struct {
	uint8_t family;
	const char *name;
} families[] = {
	{ NFPROTO_IPV4, "ip" }, { NFPROTO_IPV6, "ip6" },      { NFPROTO_INET, "inet" },
	{ NFPROTO_ARP, "arp" }, { NFPROTO_BRIDGE, "bridge" }, { NFPROTO_NETDEV, "netdev" },
};

const char *
nft_family_name(uint8_t family)
{
	size_t i;

	for (i = 0; i < sizeof(families) / sizeof(families[0]); i++)
		if (families[i].family == family)
			return families[i].name;
	return NULL;
}

uint8_t
nft_family_of(const char *name)
{
	size_t i;

	for (i = 0; i < sizeof(families) / sizeof(families[0]); i++)
		if (strcmp(families[i].name, name) == 0)
			return families[i].family;
	return 0;
}

/* The attribute at `at`, or NULL where none fits before `end`.  libmnl's loops narrow a size
 * unseen. */
static const struct nlattr *
attribute_at(const char *at, const char *end)
{
	const struct nlattr *attr = (const void *)at;

	return at < end && mnl_attr_ok(attr, (int)(end - at)) ? attr : NULL;
}

static const char *
after(const struct nlattr *attr)
{
	return (const char *)mnl_attr_next(attr);
}

static const char *
end_of(const struct nlattr *nest)
{
	return (const char *)mnl_attr_get_payload(nest) + mnl_attr_get_payload_len(nest);
}

/* Later kernels' attributes are passed over. */
static void
attributes_take(struct attributes *out, const struct nlattr *attr)
{
	uint16_t type = mnl_attr_get_type(attr);

	if (type < ATTRIBUTES)
		out->at[type] = attr;
}

static void
attributes_nested(const struct nlattr *nest, struct attributes *out)
{
	const struct nlattr *attr;
	const char *at;

	*out = (struct attributes){ .at = { NULL } };
	if (nest == NULL)
		return;
	for (at = mnl_attr_get_payload(nest); (attr = attribute_at(at, end_of(nest))) != NULL;
	     at = after(attr))
		attributes_take(out, attr);
}

/* nf_tables writes its numbers in the network's byte order. */
static bool
get_u32(const struct attributes *a, uint16_t type, uint32_t *out)
{
	if (a->at[type] == NULL || mnl_attr_get_payload_len(a->at[type]) != sizeof(uint32_t))
		return false;
	*out = ntohl(mnl_attr_get_u32(a->at[type]));
	return true;
}

static bool
get_u64(const struct attributes *a, uint16_t type, uint64_t *out)
{
	uint64_t v;

	if (a->at[type] == NULL || mnl_attr_get_payload_len(a->at[type]) != sizeof(v))
		return false;
	memcpy(&v, mnl_attr_get_payload(a->at[type]), sizeof(v)); /* it may lie unaligned */
	*out = be64toh(v);
	return true;
}

/* A terminated name into `out` of NFT_NAME_BYTES_MAX + 1. */
static bool
get_name(const struct attributes *a, uint16_t type, char *out)
{
	const char *text;
	size_t size;

	if (a->at[type] == NULL)
		return false;
	text = mnl_attr_get_payload(a->at[type]);
	size = strnlen(text, mnl_attr_get_payload_len(a->at[type]));
	if (size == 0 || size > NFT_NAME_BYTES_MAX)
		return false;
	memcpy(out, text, size);
	out[size] = '\0';
	return true;
}

/* The same as it can be shown: printable ASCII. */
static bool
get_shown(const struct attributes *a, uint16_t type, char *out)
{
	char name[NFT_NAME_BYTES_MAX + 1];

	if (!get_name(a, type, name))
		return false;
	(void)text_escape(name, strlen(name), out, NFT_NAME_BYTES_MAX + 1);
	return true;
}

static bool
get_value(const struct attributes *a, uint16_t type, struct nft_value *out)
{
	struct attributes data;
	const struct nlattr *value;

	attributes_nested(a->at[type], &data);
	value = data.at[NFTA_DATA_VALUE];
	if (value == NULL || mnl_attr_get_payload_len(value) > NFT_VALUE_BYTES_MAX)
		return false;
	out->data = mnl_attr_get_payload(value);
	out->size = mnl_attr_get_payload_len(value);
	return true;
}

static struct nft_slot *
get_slot(struct nft_match *m, const struct attributes *a, uint16_t type)
{
	uint32_t reg;

	return get_u32(a, type, &reg) ? nft_match_slot(m, reg) : NULL;
}

/* Each gives false where it does not know the expression in this form; it is then named alone. */
typedef bool expression_fn(struct nft_match *m, const struct attributes *a, struct nft_rule *rule);

/* Begins a slot anew; what was there and used by nothing is named first. */
static void
load(struct nft_match *m, struct nft_slot *slot, const struct nft_slot *value)
{
	if (slot->is_pending)
		nft_match_flush(m);
	*slot = *value;
	slot->is_pending = true;
}

static bool
read_key(struct nft_match *m, const struct attributes *a, enum nft_load kind, uint16_t key_type,
	 uint16_t dreg_type, uint16_t sreg_type)
{
	struct nft_slot *slot = get_slot(m, a, dreg_type);
	struct nft_slot *from = get_slot(m, a, sreg_type);
	struct nft_slot value = { .load = kind };

	if (!get_u32(a, key_type, &value.key))
		return false;
	if (slot == NULL && from != NULL) {
		nft_match_assign(m, kind, value.key, from);
		return true;
	}
	if (slot == NULL)
		return false;
	load(m, slot, &value);
	return true;
}

static bool
read_meta(struct nft_match *m, const struct attributes *a, struct nft_rule *rule)
{
	(void)rule;
	return read_key(m, a, NFT_LOAD_META, NFTA_META_KEY, NFTA_META_DREG, NFTA_META_SREG);
}

static bool
read_ct(struct nft_match *m, const struct attributes *a, struct nft_rule *rule)
{
	(void)rule;
	if (a->at[NFTA_CT_DIRECTION] != NULL)
		return false;
	return read_key(m, a, NFT_LOAD_CT, NFTA_CT_KEY, NFTA_CT_DREG, NFTA_CT_SREG);
}

static bool
read_payload(struct nft_match *m, const struct attributes *a, struct nft_rule *rule)
{
	struct nft_slot *slot = get_slot(m, a, NFTA_PAYLOAD_DREG);
	struct nft_slot value = { .load = NFT_LOAD_PAYLOAD };

	(void)rule;
	if (slot == NULL || !get_u32(a, NFTA_PAYLOAD_BASE, &value.base) ||
	    !get_u32(a, NFTA_PAYLOAD_OFFSET, &value.offset) ||
	    !get_u32(a, NFTA_PAYLOAD_LEN, &value.size) || value.size > NFT_VALUE_BYTES_MAX)
		return false;
	load(m, slot, &value);
	return true;
}

static bool
read_cmp(struct nft_match *m, const struct attributes *a, struct nft_rule *rule)
{
	struct nft_slot *slot = get_slot(m, a, NFTA_CMP_SREG);
	struct nft_value value;
	uint32_t op;

	(void)rule;
	if (slot == NULL || !get_u32(a, NFTA_CMP_OP, &op) || !get_value(a, NFTA_CMP_DATA, &value))
		return false;
	nft_match_cmp(m, slot, op, value);
	return true;
}

static bool
read_range(struct nft_match *m, const struct attributes *a, struct nft_rule *rule)
{
	struct nft_slot *slot = get_slot(m, a, NFTA_RANGE_SREG);
	struct nft_value from, to;
	uint32_t op;

	(void)rule;
	if (slot == NULL || slot->is_masked || !get_u32(a, NFTA_RANGE_OP, &op) ||
	    !get_value(a, NFTA_RANGE_FROM_DATA, &from) || !get_value(a, NFTA_RANGE_TO_DATA, &to))
		return false;
	nft_match_range(m, slot, op == NFT_RANGE_NEQ, from, to);
	return true;
}

static bool
read_bitwise(struct nft_match *m, const struct attributes *a, struct nft_rule *rule)
{
	struct nft_slot *from = get_slot(m, a, NFTA_BITWISE_SREG);
	struct nft_slot *to = get_slot(m, a, NFTA_BITWISE_DREG);
	struct nft_value mask, xor;
	uint32_t op = NFT_BITWISE_BOOL;
	size_t i;

	(void)rule;
	if (from == NULL || to != from || from->is_masked ||
	    (a->at[NFTA_BITWISE_OP] != NULL && !get_u32(a, NFTA_BITWISE_OP, &op)) ||
	    op != NFT_BITWISE_BOOL || !get_value(a, NFTA_BITWISE_MASK, &mask) ||
	    !get_value(a, NFTA_BITWISE_XOR, &xor))
		return false;
	for (i = 0; i < xor.size; i++)
		if (xor.data[i] != 0)
			return false;
	memset(from->mask, 0, sizeof(from->mask));
	memcpy(from->mask, mask.data, mask.size);
	from->is_masked = true;
	return true;
}

static bool
read_lookup(struct nft_match *m, const struct attributes *a, struct nft_rule *rule)
{
	struct nft_slot *slot = get_slot(m, a, NFTA_LOOKUP_SREG);
	char name[NFT_NAME_BYTES_MAX + 1];
	uint32_t flags = 0;

	(void)rule;
	(void)get_u32(a, NFTA_LOOKUP_FLAGS, &flags);
	/* With a destination it is a map, whose result we do not follow. */
	if (slot == NULL || slot->is_masked || a->at[NFTA_LOOKUP_DREG] != NULL ||
	    !get_shown(a, NFTA_LOOKUP_SET, name))
		return false;
	nft_match_set(m, slot, (flags & NFT_LOOKUP_F_INV) != 0, name);
	return true;
}

static bool
read_verdict(struct nft_match *m, const struct nlattr *nest)
{
	char chain[NFT_NAME_BYTES_MAX + 1] = "";
	struct attributes a;
	uint32_t code;

	attributes_nested(nest, &a);
	if (!get_u32(&a, NFTA_VERDICT_CODE, &code))
		return false;
	(void)get_shown(&a, NFTA_VERDICT_CHAIN, chain);
	switch ((int32_t)code) {
	case NF_DROP:
		nft_text_word(m->text, "drop");
		return true;
	case NF_ACCEPT:
		nft_text_word(m->text, "accept");
		return true;
	case NFT_CONTINUE:
		nft_text_word(m->text, "continue");
		return true;
	case NFT_RETURN:
		nft_text_word(m->text, "return");
		return true;
	case NFT_JUMP:
	case NFT_GOTO:
		if (chain[0] == '\0')
			return false;
		nft_text_word(m->text, "%s %s", (int32_t)code == NFT_JUMP ? "jump" : "goto", chain);
		return true;
	default:
		return false;
	}
}

static bool
read_immediate(struct nft_match *m, const struct attributes *a, struct nft_rule *rule)
{
	struct nft_slot *slot = get_slot(m, a, NFTA_IMMEDIATE_DREG);
	struct nft_slot loaded = { .load = NFT_LOAD_VALUE };
	struct attributes data;
	struct nft_value value;

	(void)rule;
	attributes_nested(a->at[NFTA_IMMEDIATE_DATA], &data);
	if (data.at[NFTA_DATA_VERDICT] != NULL)
		return read_verdict(m, data.at[NFTA_DATA_VERDICT]);
	if (slot == NULL || !get_value(a, NFTA_IMMEDIATE_DATA, &value))
		return false;
	memcpy(loaded.value, value.data, value.size);
	loaded.value_size = value.size;
	load(m, slot, &loaded);
	return true;
}

/* Left out of the text: its numbers are members of their own. */
static bool
read_counter(struct nft_match *m, const struct attributes *a, struct nft_rule *rule)
{
	uint64_t packets, bytes;

	if (rule->has_counter) {
		nft_text_word(m->text, "counter");
		return true;
	}
	if (!get_u64(a, NFTA_COUNTER_PACKETS, &packets) || !get_u64(a, NFTA_COUNTER_BYTES, &bytes))
		return false;
	rule->has_counter = true;
	rule->packets = packets;
	rule->bytes = bytes;
	return true;
}

static bool
read_reject(struct nft_match *m, const struct attributes *a, struct nft_rule *rule)
{
	static const char *const kinds[] = { "icmp", "", "icmpx" };
	uint32_t type;

	(void)rule;
	if (!get_u32(a, NFTA_REJECT_TYPE, &type) || type > NFT_REJECT_ICMPX_UNREACH)
		return false;
	if (type == NFT_REJECT_TCP_RST) {
		nft_text_word(m->text, "reject with tcp reset");
		return true;
	}
	nft_text_word(m->text, "reject with %s", kinds[type]);
	if (a->at[NFTA_REJECT_ICMP_CODE] != NULL &&
	    mnl_attr_get_payload_len(a->at[NFTA_REJECT_ICMP_CODE]) == 1)
		nft_text_more(m->text, " %u", mnl_attr_get_u8(a->at[NFTA_REJECT_ICMP_CODE]));
	return true;
}

static bool
read_log(struct nft_match *m, const struct attributes *a, struct nft_rule *rule)
{
	char prefix[NFT_NAME_BYTES_MAX + 1];

	(void)rule;
	nft_text_word(m->text, "log");
	if (get_shown(a, NFTA_LOG_PREFIX, prefix))
		nft_text_word(m->text, "prefix \"%s\"", prefix);
	if (a->at[NFTA_LOG_GROUP] != NULL && mnl_attr_get_payload_len(a->at[NFTA_LOG_GROUP]) == 2)
		nft_text_word(m->text, "group %u", ntohs(mnl_attr_get_u16(a->at[NFTA_LOG_GROUP])));
	return true;
}

static bool
read_limit(struct nft_match *m, const struct attributes *a, struct nft_rule *rule)
{
	uint32_t type = NFT_LIMIT_PKTS, flags = 0, burst = 0;
	uint64_t rate, unit;
	const char *per;

	(void)rule;
	if (!get_u64(a, NFTA_LIMIT_RATE, &rate) || !get_u64(a, NFTA_LIMIT_UNIT, &unit))
		return false;
	(void)get_u32(a, NFTA_LIMIT_TYPE, &type);
	(void)get_u32(a, NFTA_LIMIT_FLAGS, &flags);
	(void)get_u32(a, NFTA_LIMIT_BURST, &burst);
	per = unit == 1        ? "second"
	      : unit == 60     ? "minute"
	      : unit == 3600   ? "hour"
	      : unit == 86400  ? "day"
	      : unit == 604800 ? "week"
			       : NULL;
	if (per == NULL)
		return false;
	nft_text_word(m->text, "limit rate %s%llu%s/%s burst %u %s",
		      (flags & NFT_LIMIT_F_INV) != 0 ? "over " : "", (unsigned long long)rate,
		      type == NFT_LIMIT_PKT_BYTES ? " bytes" : "", per, burst,
		      type == NFT_LIMIT_PKT_BYTES ? "bytes" : "packets");
	return true;
}

static bool
read_masquerade(struct nft_match *m, const struct attributes *a, struct nft_rule *rule)
{
	size_t i;

	(void)rule;
	for (i = 0; i < ATTRIBUTES; i++)
		if (a->at[i] != NULL)
			return false; /* ports or flags */
	nft_text_word(m->text, "masquerade");
	return true;
}

static bool
read_notrack(struct nft_match *m, const struct attributes *a, struct nft_rule *rule)
{
	(void)a;
	(void)rule;
	nft_text_word(m->text, "notrack");
	return true;
}

static const struct {
	const char *name;
	expression_fn *read;
} expressions[] = {
	{ "meta", read_meta },       { "ct", read_ct },
	{ "payload", read_payload }, { "cmp", read_cmp },
	{ "range", read_range },     { "bitwise", read_bitwise },
	{ "lookup", read_lookup },   { "immediate", read_immediate },
	{ "counter", read_counter }, { "reject", read_reject },
	{ "log", read_log },         { "limit", read_limit },
	{ "masq", read_masquerade }, { "notrack", read_notrack },
};

static enum err
read_expression(struct nft_match *m, const struct nlattr *element, struct nft_rule *rule)
{
	char name[NFT_NAME_BYTES_MAX + 1];
	struct attributes expression, data;
	size_t i;

	attributes_nested(element, &expression);
	if (!get_shown(&expression, NFTA_EXPR_NAME, name))
		return ERR_FORMAT;
	attributes_nested(expression.at[NFTA_EXPR_DATA], &data);
	for (i = 0; i < sizeof(expressions) / sizeof(expressions[0]); i++)
		if (strcmp(expressions[i].name, name) == 0 && expressions[i].read(m, &data, rule))
			return ERR_OK;
	/* Whatever waits in a register may be what this one uses. */
	nft_match_flush(m);
	nft_text_word(m->text, "[%s]", name);
	/* It may have written any: a comparison after it must not carry an older field. */
	memset(m->slots, 0, sizeof(m->slots));
	return ERR_OK;
}

enum err
nft_rule_read(const void *message, size_t size, struct nft_rule *out)
{
	const struct nlmsghdr *header = message;
	struct attributes rule = { .at = { NULL } };
	struct nft_text text = { out->text, sizeof(out->text), 0, false };
	struct nft_match m = { .text = &text };
	const struct nfgenmsg *family;
	const struct nlattr *attr, *nest;
	const char *at;

	memset(out, 0, sizeof(*out));
	if (size > INT32_MAX || !mnl_nlmsg_ok(header, (int)size) ||
	    mnl_nlmsg_get_payload_len(header) < sizeof(*family))
		return ERR_FORMAT;
	family = mnl_nlmsg_get_payload(header);
	out->family = family->nfgen_family;
	for (at = mnl_nlmsg_get_payload_offset(header, sizeof(*family));
	     (attr = attribute_at(at, mnl_nlmsg_get_payload_tail(header))) != NULL;
	     at = after(attr))
		attributes_take(&rule, attr);
	if (nft_family_name(out->family) == NULL || !get_name(&rule, NFTA_RULE_TABLE, out->table) ||
	    !get_name(&rule, NFTA_RULE_CHAIN, out->chain) ||
	    !get_u64(&rule, NFTA_RULE_HANDLE, &out->handle))
		return ERR_FORMAT;
	m.l3 = out->family == NFPROTO_IPV4 || out->family == NFPROTO_IPV6 ? out->family : 0;
	nest = rule.at[NFTA_RULE_EXPRESSIONS]; /* a rule may be empty */
	for (at = nest != NULL ? mnl_attr_get_payload(nest) : NULL;
	     nest != NULL && (attr = attribute_at(at, end_of(nest))) != NULL; at = after(attr)) {
		enum err e = read_expression(&m, attr, out);

		if (e != ERR_OK)
			return e;
	}
	nft_match_flush(&m);
	return ERR_OK;
}
