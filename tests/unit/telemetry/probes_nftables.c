/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* host.nftables beside nft itself, in a network namespace of the test's own. */
#include <arpa/inet.h>
#include <net/if.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <hark/probe.h>

#include "unit.h"
#include "json/tree.h"

/* Every rule with what we make of it. */
static const struct {
	const char *chain, *rule, *text;
} rules[] = {
	{ "in", "iifname \"lo\" counter", "iifname \"lo\"" },
	{ "out", "ip daddr 127.0.0.1 udp dport 9 counter", "ip daddr 127.0.0.1 udp dport 9" },
	{ "out", "ip daddr 10.0.0.0/8 counter drop", "ip daddr 10.0.0.0/8 drop" },
	{ "out", "ip daddr 127.0.0.0/9 counter", "ip daddr 127.0.0.0/9" },
	{ "out", "oifname \"tap*\" tcp dport 1000-2000 counter jump other",
	  "oifname \"tap*\" tcp dport >= 1000 tcp dport <= 2000 jump other" },
	{ "out", "meta l4proto icmp counter reject with icmpx admin-prohibited",
	  "meta l4proto icmp reject with icmpx 3" },
	{ "out", "ip6 saddr ::1 tcp sport != 22 counter goto other",
	  "ip6 saddr ::1 tcp sport != 22 goto other" },
	{ "out", "meta mark set 0x2a counter log prefix \"a\" group 3",
	  "meta mark set 0x0000002a log prefix \"a\" group 3" },
	{ "out", "meta mark 0x2a counter continue", "meta mark 0x0000002a continue" },
	{ "out", "udp dport { 9, 10 } counter", NULL },
	{ "out", "quota 25 mbytes counter", "[quota]" },
	{ "out", "return", "return" },
};

static char json[HARK_PROBE_READING_BYTES];
static char theirs[1 << 20];

static void
run(const char *command, const char *input)
{
	FILE *f = popen(command, "w");

	assert_non_null(f);
	assert_true(fputs(input, f) >= 0);
	assert_int_equal(pclose(f), 0);
}

static void
raise_loopback(void)
{
	struct ifreq request = { .ifr_flags = IFF_UP };
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	assert_true(fd >= 0);
	memcpy(request.ifr_name, "lo", 3);
	assert_int_equal(ioctl(fd, SIOCSIFFLAGS, &request), 0);
	(void)close(fd);
}

static void
send_to_port_9(size_t count)
{
	struct sockaddr_in to = { .sin_family = AF_INET, .sin_port = htons(9) };
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	assert_true(fd >= 0);
	to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	/* Nobody listens: the error that comes back for the last one is no matter. */
	while (count-- > 0)
		(void)sendto(fd, "x", 1, 0, (struct sockaddr *)&to, sizeof(to));
	(void)close(fd);
}

static int
enter_namespace(void **state)
{
	char text[4096] = "table inet hark_t {\nchain other {\n}\n"
			  "chain in {\ntype filter hook input priority 0\n}\n"
			  "chain out {\ntype filter hook output priority 0\n}\n}\n";
	size_t size = strlen(text);
	size_t i;

	*state = NULL;
	if (unshare(CLONE_NEWNET) != 0 || system("command -v nft >/dev/null") != 0)
		return 0; /* each test then says that it was skipped */
	for (i = 0; i < COUNT_OF(rules); i++)
		size += (size_t)snprintf(text + size, sizeof(text) - size,
					 "add rule inet hark_t %s %s\n", rules[i].chain,
					 rules[i].rule);
	raise_loopback();
	run("nft -f -", text);
	send_to_port_9(5);
	*state = json;
	return 0;
}

/* The n-th rule as nft lists it, in its order. */
static const struct json_node *
their_rule(const struct json_node *root, size_t n)
{
	const struct json_node *entry = json_node_member(root, "nftables");

	assert_non_null(entry);
	for (entry = entry->child; entry != NULL; entry = entry->next) {
		const struct json_node *rule = json_node_member(entry, "rule");

		if (rule != NULL && n-- == 0)
			return rule;
	}
	return NULL;
}

static const struct json_node *
their_counter(const struct json_node *rule)
{
	const struct json_node *expression = json_node_member(rule, "expr");

	for (expression = expression->child; expression != NULL; expression = expression->next)
		if (json_node_member(expression, "counter") != NULL)
			return json_node_member(expression, "counter");
	return NULL;
}

static void
assert_same(const struct json_node *ours, const struct json_node *their, const char *member)
{
	const struct json_node *a = json_node_member(ours, member);
	const struct json_node *b = json_node_member(their, member);

	assert_non_null(a);
	assert_non_null(b);
	assert_int_equal(a->text_size, b->text_size);
	assert_memory_equal(a->text, b->text, a->text_size);
}

static void
agrees_with_nft(void **state)
{
	struct hark_probe_reading reading = { .json = json, .json_capacity = sizeof(json) };
	struct hark_host_probe probe = { NULL, NULL };
	struct hark_failure why = { 0 };
	struct json_tree *our_tree = NULL;
	struct json_tree *their_tree = NULL;
	const struct json_node *row;
	uint64_t seen = 0;
	size_t size, n;
	FILE *f;

	if (*state == NULL) {
		print_message("no table of nf_tables can be made here: not root, or no nft\n");
		skip();
	}
	assert_int_equal(hark_probe_open_nftables("inet", "hark_t", &probe, &why), HARK_PROBE_OK);
	if (hark_probe_read(&probe, &reading, &why) != HARK_PROBE_OK)
		fail_msg("%s", why.text);
	f = popen("nft -j list table inet hark_t", "r");
	assert_non_null(f);
	size = fread(theirs, 1, sizeof(theirs), f);
	assert_int_equal(pclose(f), 0);
	while (size > 0 && theirs[size - 1] == '\n')
		size--;
	assert_int_equal(json_tree_read(theirs, size, 32, &their_tree, NULL), ERR_OK);
	assert_int_equal(
		json_tree_read(reading.output.data, reading.output.size, 8, &our_tree, NULL),
		ERR_OK);
	row = json_node_member(json_tree_root(our_tree), "rows");
	assert_non_null(row);
	assert_int_equal(row->child_count, COUNT_OF(rules));
	for (n = 0, row = row->child; row != NULL; row = row->next, n++) {
		const struct json_node *their = their_rule(json_tree_root(their_tree), n);
		const struct json_node *counter;

		assert_non_null(their);
		assert_same(row, their, "handle");
		assert_same(row, their, "chain");
		assert_same(row, their, "family");
		assert_same(row, their, "table");
		counter = their_counter(their);
		if (counter != NULL) {
			assert_same(row, counter, "packets");
			assert_same(row, counter, "bytes");
			seen += strtoull(json_node_member(counter, "packets")->text, NULL, 10);
		} else {
			assert_null(json_node_member(row, "packets"));
		}
		if (rules[n].text != NULL &&
		    !json_node_text_is(json_node_member(row, "ruleRepr"), rules[n].text))
			fail_msg("%s: %.*s", rules[n].rule,
				 (int)json_node_member(row, "ruleRepr")->text_size,
				 json_node_member(row, "ruleRepr")->text);
	}
	assert_true(seen >= 5); /* or the comparison was of zeros alone */
	json_tree_destroy(our_tree);
	json_tree_destroy(their_tree);
	hark_probe_close(&probe);
}

static void
says_what_is_not_there(void **state)
{
	struct hark_probe_reading reading = { .json = json, .json_capacity = sizeof(json) };
	struct hark_host_probe probe = { NULL, NULL };
	struct hark_failure why = { 0 };

	if (*state == NULL) {
		print_message("no table of nf_tables can be made here: not root, or no nft\n");
		skip();
	}
	assert_int_equal(hark_probe_open_nftables("ip", "hark_t", &probe, &why), HARK_PROBE_OK);
	assert_int_equal(hark_probe_read(&probe, &reading, &why), HARK_PROBE_MISSING);
	/* It comes: the same probe reads it, on the same socket. */
	run("nft -f -", "add table ip hark_t\n");
	assert_int_equal(hark_probe_read(&probe, &reading, &why), HARK_PROBE_OK);
	assert_int_equal(reading.output.size, strlen("{\"rows\":[]}"));
	hark_probe_close(&probe);
}

static void
refuses_names(void **state)
{
	struct hark_host_probe probe = { NULL, NULL };
	char longest[257];

	(void)state;
	memset(longest, 'a', 256);
	longest[256] = '\0';
	assert_int_equal(hark_probe_open_nftables("ipx", "t", &probe, NULL), HARK_PROBE_NAME);
	assert_int_equal(hark_probe_open_nftables("ip", "", &probe, NULL), HARK_PROBE_NAME);
	assert_int_equal(hark_probe_open_nftables("ip", "a b", &probe, NULL), HARK_PROBE_NAME);
	assert_int_equal(hark_probe_open_nftables("ip", longest, &probe, NULL), HARK_PROBE_NAME);
	assert_int_equal(hark_probe_open_nftables(NULL, "t", &probe, NULL), HARK_PROBE_ARGUMENT);
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(agrees_with_nft, enter_namespace),
		cmocka_unit_test_setup(says_what_is_not_there, enter_namespace),
		cmocka_unit_test(refuses_names),
	};

	return cmocka_run_group_tests_name("telemetry/probes_nftables", tests, NULL, NULL);
}
