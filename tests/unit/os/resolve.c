/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* What the system's resolver says, which stands in here: it is asked once, and its list is cut. */
#include <arpa/inet.h>
#include <netdb.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>

#include "os/resolve.h"
#include "unit.h"

int __wrap_getaddrinfo(const char *host, const char *service, const struct addrinfo *hints,
		       struct addrinfo **out);
void __wrap_freeaddrinfo(struct addrinfo *list);

static const char *const *answers;
static int code;
static size_t lists;

/* "A%n" is an address with a scope; "-" one of a family that nobody knows. */
static struct addrinfo *
make(const char *text, struct addrinfo *next)
{
	struct addrinfo *made = calloc(1, sizeof(*made));
	struct sockaddr_storage *address = calloc(1, sizeof(*address));
	struct sockaddr_in6 *six = (struct sockaddr_in6 *)address;
	struct sockaddr_in *four = (struct sockaddr_in *)address;
	char plain[64] = "";

	assert_true(made != NULL && address != NULL && strlen(text) < sizeof(plain));
	memcpy(plain, text, strcspn(text, "%"));
	if (strchr(text, ':') != NULL) {
		six->sin6_family = AF_INET6;
		assert_int_equal(inet_pton(AF_INET6, plain, &six->sin6_addr), 1);
		if (strchr(text, '%') != NULL)
			six->sin6_scope_id = (uint32_t)strtoul(strchr(text, '%') + 1, NULL, 10);
	} else if (text[0] != '-') {
		four->sin_family = AF_INET;
		assert_int_equal(inet_pton(AF_INET, plain, &four->sin_addr), 1);
	} else {
		address->ss_family = AF_UNIX;
	}
	made->ai_addr = (struct sockaddr *)address;
	made->ai_next = next;
	return made;
}

int
__wrap_getaddrinfo(const char *host, const char *service, const struct addrinfo *hints,
		   struct addrinfo **out)
{
	size_t count = 0;

	assert_string_equal(host, "db.example");
	assert_null(service);
	assert_int_equal(hints->ai_socktype, SOCK_STREAM);
	if (code != 0)
		return code;
	while (answers[count] != NULL)
		count++;
	*out = NULL;
	while (count > 0)
		*out = make(answers[--count], *out);
	lists++;
	return 0;
}

void
__wrap_freeaddrinfo(struct addrinfo *list)
{
	lists--;
	while (list != NULL) {
		struct addrinfo *next = list->ai_next;

		free(list->ai_addr);
		free(list);
		list = next;
	}
}

static void
addresses_come_in_their_order(void **state)
{
	static const struct {
		const char *answers[8];
		const char *want; /* joined with a blank; NULL: ERR_MISSING */
	} rows[] = {
		{ { "127.0.0.1" }, "127.0.0.1" },
		{ { "::1", "127.0.0.1" }, "::1 127.0.0.1" },
		{ { "fe80::1%7", "192.0.2.1" }, "fe80::1%7 192.0.2.1" },
		{ { "ffff:ffff:ffff:ffff:ffff:ffff:255.255.255.255%4294967295" },
		  "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff%4294967295" },
		{ { "-", "192.0.2.1", "-" }, "192.0.2.1" },
		{ { "192.0.2.1", "192.0.2.2", "192.0.2.3", "192.0.2.4" },
		  "192.0.2.1 192.0.2.2 192.0.2.3" },
		{ { "-" }, NULL },
		{ { NULL }, NULL },
	};
	size_t i, j;

	(void)state;
	for (i = 0; i < COUNT_OF(rows); i++) {
		struct resolve_address found[3];
		char got[256] = "";
		const char *why = NULL;
		size_t count = 0;
		enum err e;

		answers = rows[i].answers;
		e = resolve_host("db.example", found, COUNT_OF(found), &count, &why);
		assert_int_equal(lists, 0);
		if (rows[i].want == NULL) {
			assert_int_equal(e, ERR_MISSING);
			assert_non_null(why);
			continue;
		}
		assert_int_equal(e, ERR_OK);
		for (j = 0; j < count; j++) {
			if (j > 0)
				strcat(got, " ");
			strcat(got, found[j].text);
		}
		assert_string_equal(got, rows[i].want);
	}
}

static void
a_failure_says_why(void **state)
{
	struct resolve_address found;
	const char *why = NULL;
	size_t count = 9;

	(void)state;
	code = EAI_AGAIN;
	assert_int_equal(resolve_host("db.example", &found, 1, &count, &why), ERR_MISSING);
	assert_string_equal(why, gai_strerror(EAI_AGAIN));
	assert_int_equal(count, 9);
	code = 0;
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(addresses_come_in_their_order),
		cmocka_unit_test(a_failure_says_why),
	};

	return cmocka_run_group_tests_name("os/resolve", tests, NULL, NULL);
}
