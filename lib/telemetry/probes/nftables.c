/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * host.nftables: the rules of one table with their counters, asked of the kernel over netlink.  The
 * questions only read; nothing here can change a rule.
 */
#include <errno.h>
#include <libmnl/libmnl.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nfnetlink.h>
#include <linux/netlink.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "base/text.h"
#include "os/beneath.h"
#include "os/nfnetlink.h"
#include "telemetry/probe_internal.h"
#include "telemetry/probes/nft_rule.h"

/* The kernel fills datagrams of at most 32 KiB for a dump. */
#define DATAGRAM_BYTES 65536u
/* How often a dump is begun again because the rules changed under it. */
#define DUMP_TRIES_MAX 8
/* A question is two headers and a name. */
#define QUESTION_BYTES 512u

struct nftables {
	int fd; /* -1 after an answer that was not read to its end */
	uint32_t port;
	uint32_t sequence;
	uint8_t family;
	char table[NFT_NAME_BYTES_MAX + 1];
	_Alignas(struct nlmsghdr) char datagram[DATAGRAM_BYTES];
};

/* What is made of an answer. */
struct answer {
	uint16_t type;         /* of the messages that are wanted */
	struct json_writer *w; /* rows go here; NULL where messages are only counted */
	const struct nftables *probe;
	size_t count;
	bool is_done, is_interrupted, is_malformed;
	int system_error;
};

static void
nftables_destroy(void *state)
{
	struct nftables *n = state;

	if (n == NULL)
		return;
	beneath_close(&n->fd);
	free(n);
}

static void
nftables_destroyp(struct nftables **n)
{
	nftables_destroy(*n);
}

static enum hark_probe_error
ensure_open(struct nftables *n, struct hark_failure *why)
{
	enum err e;

	if (n->fd >= 0)
		return HARK_PROBE_OK;
	e = nfnetlink_open(NETLINK_NETFILTER, &n->fd, &n->port);
	return e == ERR_OK ? HARK_PROBE_OK : probe_fail_on(why, e, "netfilter's netlink socket");
}

/* Names of the kernel are any bytes; JSON takes UTF-8 alone. */
static void
write_name(struct json_writer *w, const char *name)
{
	char shown[NFT_NAME_BYTES_MAX * 4 + 8];
	size_t size = strlen(name);

	if (!text_is_utf8(name, size)) {
		size = text_escape(name, size, shown, sizeof(shown));
		name = shown;
	}
	json_write_string(w, name, size);
}

static void
write_row(struct json_writer *w, const struct nft_rule *rule)
{
	const char *family = nft_family_name(rule->family);

	json_write_literal(w, "{");
	if (rule->has_counter) {
		json_write_literal(w, "\"bytes\":");
		json_write_u64_string(w, rule->bytes);
		json_write_literal(w, ",");
	}
	json_write_literal(w, "\"chain\":");
	write_name(w, rule->chain);
	json_write_literal(w, ",\"family\":");
	json_write_string(w, family, strlen(family));
	json_write_literal(w, ",\"handle\":");
	json_write_u64_string(w, rule->handle);
	if (rule->has_counter) {
		json_write_literal(w, ",\"packets\":");
		json_write_u64_string(w, rule->packets);
	}
	json_write_literal(w, ",\"ruleRepr\":");
	json_write_string(w, rule->text, strlen(rule->text));
	json_write_literal(w, ",\"table\":");
	write_name(w, rule->table);
	json_write_literal(w, "}");
}

static void
take_rule(struct answer *a, const struct nlmsghdr *message, size_t size)
{
	struct nft_rule rule;

	if (nft_rule_read(message, size, &rule) != ERR_OK) {
		a->is_malformed = true;
		return;
	}
	/* Kernels before 4.10 dump every table, whatever was asked. */
	if (rule.family != a->probe->family || strcmp(rule.table, a->probe->table) != 0)
		return;
	if (a->count > 0)
		json_write_literal(a->w, ",");
	write_row(a->w, &rule);
	a->count++;
}

static void
take_message(struct answer *a, const struct nlmsghdr *message, size_t size)
{
	int code;

	if (message->nlmsg_flags & NLM_F_DUMP_INTR)
		a->is_interrupted = true;
	if (message->nlmsg_type == NLMSG_ERROR || message->nlmsg_type == NLMSG_DONE) {
		/* Both begin with a negative errno or 0; an old kernel's DONE may lack it. */
		a->is_done = true;
		if (mnl_nlmsg_get_payload_len(message) >= sizeof(code)) {
			memcpy(&code, mnl_nlmsg_get_payload(message), sizeof(code));
			a->system_error = code < 0 ? -code : 0;
		}
		return;
	}
	if (message->nlmsg_type == NLMSG_OVERRUN) {
		a->is_interrupted = true;
		return;
	}
	if (message->nlmsg_type != a->type)
		return;
	if (a->w != NULL)
		take_rule(a, message, size);
	else
		a->count++;
	if (!(message->nlmsg_flags & NLM_F_MULTI))
		a->is_done = true;
}

/* Receives until the answer is whole; messages of an earlier question are passed over. */
static enum err
receive(struct nftables *n, struct answer *a)
{
	while (!a->is_done) {
		const struct nlmsghdr *message = (const struct nlmsghdr *)n->datagram;
		size_t size = 0;
		int left;
		enum err e;

		e = nfnetlink_receive(n->fd, n->datagram, sizeof(n->datagram), &size);
		if (e != ERR_OK)
			return e;
		left = (int)size;
		while (mnl_nlmsg_ok(message, left)) {
			if (message->nlmsg_seq == n->sequence && message->nlmsg_pid == n->port)
				take_message(a, message, (size_t)left);
			message = mnl_nlmsg_next(message, &left);
		}
	}
	return ERR_OK;
}

static enum err
ask(struct nftables *n, uint16_t type, uint16_t flags, uint16_t table_attribute, struct answer *a)
{
	_Alignas(struct nlmsghdr) char question[QUESTION_BYTES];
	struct nlmsghdr *header = mnl_nlmsg_put_header(question);
	struct nfgenmsg *family;
	enum err e;

	header->nlmsg_type = (uint16_t)(NFNL_SUBSYS_NFTABLES << 8 | type);
	header->nlmsg_flags = NLM_F_REQUEST | flags;
	header->nlmsg_seq = ++n->sequence;
	family = mnl_nlmsg_put_extra_header(header, sizeof(*family));
	family->nfgen_family = n->family;
	family->version = NFNETLINK_V0;
	family->res_id = 0;
	mnl_attr_put_strz(header, table_attribute, n->table);
	e = nfnetlink_send(n->fd, question, header->nlmsg_len);
	if (e == ERR_OK)
		e = receive(n, a);
	if (e != ERR_OK)
		beneath_close(&n->fd); /* the rest of that answer must not meet the next question */
	return e;
}

/* What a question's end means. */
static enum hark_probe_error
judge(const struct nftables *n, enum err e, const struct answer *a, struct hark_failure *why)
{
	if (e == ERR_SYSTEM && errno == EAGAIN)
		return probe_fail(why, HARK_PROBE_IO, EAGAIN,
				  "the kernel did not answer within %d seconds", NFNETLINK_WAIT_S);
	if (e != ERR_OK)
		return probe_fail_on(why, e, "netfilter's netlink socket");
	if (a->system_error == ENOENT)
		return probe_fail(why, HARK_PROBE_MISSING, ENOENT, "there is no table %s %s",
				  nft_family_name(n->family), n->table);
	if (a->system_error == EPERM)
		return probe_fail(why, HARK_PROBE_DENIED, EPERM,
				  "asking nf_tables needs CAP_NET_ADMIN");
	if (a->system_error == EINVAL)
		return probe_fail(why, HARK_PROBE_PLATFORM_UNSUPPORTED, EINVAL,
				  "this kernel has no nf_tables");
	if (a->system_error != 0) {
		errno = a->system_error;
		return probe_fail_on(why, ERR_SYSTEM, "nf_tables");
	}
	if (a->is_malformed)
		return probe_fail(why, HARK_PROBE_PARSE, 0, "nf_tables: a malformed message");
	return HARK_PROBE_OK;
}

static enum hark_probe_error
dump(struct nftables *n, struct hark_probe_reading *out, struct json_writer *w,
     struct hark_failure *why)
{
	const struct json_writer before = *w;
	enum hark_probe_error e;
	int tries;

	for (tries = 0; tries < DUMP_TRIES_MAX; tries++) {
		struct answer exists = { .type = NFNL_SUBSYS_NFTABLES << 8 | NFT_MSG_NEWTABLE,
					 .probe = n };
		struct answer rules = { .type = NFNL_SUBSYS_NFTABLES << 8 | NFT_MSG_NEWRULE,
					.probe = n,
					.w = w };

		/* A dump of a table that is not there is empty and no error. */
		e = ensure_open(n, why);
		if (e == HARK_PROBE_OK)
			e = judge(n, ask(n, NFT_MSG_GETTABLE, 0, NFTA_TABLE_NAME, &exists), &exists,
				  why);
		if (e != HARK_PROBE_OK)
			return e;
		*w = before;
		json_write_literal(w, "{\"rows\":[");
		e = judge(n, ask(n, NFT_MSG_GETRULE, NLM_F_DUMP, NFTA_RULE_TABLE, &rules), &rules,
			  why);
		if (e != HARK_PROBE_OK)
			return e;
		if (rules.is_interrupted)
			continue;
		json_write_literal(w, "]}");
		return probe_write_output(out, w, why);
	}
	return probe_fail(why, HARK_PROBE_IO, EINTR,
			  "the rules changed %d times while they were read", DUMP_TRIES_MAX);
}

static enum hark_probe_error
nftables_read(void *state, struct hark_probe_reading *out, struct hark_failure *why)
{
	struct nftables *n = state;
	const char *family = nft_family_name(n->family);
	enum hark_probe_error e;
	struct json_writer w;

	probe_write_begin(out, &w);
	json_write_literal(&w, "{\"family\":");
	json_write_string(&w, family, strlen(family));
	json_write_literal(&w, ",\"table\":");
	json_write_string(&w, n->table, strlen(n->table));
	json_write_literal(&w, "}");
	e = probe_write_inputs(out, &w, why);
	return e == HARK_PROBE_OK ? dump(n, out, &w, why) : e;
}

/* nft's own names are [A-Za-z0-9/\_.-]; others are asked of the kernel as they are. */
static bool
is_table(const char *name)
{
	size_t size = strlen(name);
	size_t i;

	for (i = 0; i < size; i++)
		if (name[i] < 0x21 || name[i] > 0x7e)
			return false;
	return size > 0 && size <= NFT_NAME_BYTES_MAX;
}

static const struct hark_host_probe_functions nftables_functions = {
	.name = "host.nftables",
	.rights = "CAP_NET_ADMIN in the network namespace of the table",
	.read = nftables_read,
	.close = nftables_destroy,
};

enum hark_probe_error
hark_probe_open_nftables(const char *family, const char *table, struct hark_host_probe *out,
			 struct hark_failure *why)
{
	cleanup(nftables_destroyp) struct nftables *n = NULL;
	enum hark_probe_error e;

	if (family == NULL || table == NULL || out == NULL)
		return probe_fail(why, HARK_PROBE_ARGUMENT, 0,
				  "no family, no table or no place for the probe");
	if (nft_family_of(family) == 0)
		return probe_fail(why, HARK_PROBE_NAME, 0,
				  "a family is ip, ip6, inet, arp, bridge or netdev");
	if (!is_table(table))
		return probe_fail(
			why, HARK_PROBE_NAME, 0,
			"a table's name has 1 to %u bytes of printable ASCII without blanks",
			NFT_NAME_BYTES_MAX);
	n = calloc(1, sizeof(*n));
	if (n == NULL)
		return probe_fail(why, HARK_PROBE_MEMORY, ENOMEM, "out of memory");
	n->fd = -1;
	n->family = nft_family_of(family);
	memcpy(n->table, table, strlen(table) + 1);
	e = ensure_open(n, why);
	if (e != HARK_PROBE_OK)
		return e;
	*out = (struct hark_host_probe){ &nftables_functions, steal(&n) };
	return HARK_PROBE_OK;
}
