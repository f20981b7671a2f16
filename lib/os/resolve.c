/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* It asks no more than the C library does; what an answer says is bounded by its own types. */
#include <arpa/inet.h>
#include <netdb.h>
#include <netinet/in.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

#include "base/must.h"
#include "os/resolve.h"

static bool
write_address(const struct sockaddr *address, char text[RESOLVE_TEXT_BYTES])
{
	struct sockaddr_in6 six;
	struct sockaddr_in four;
	size_t size;

	if (address->sa_family == AF_INET) {
		memcpy(&four, address, sizeof(four));
		return inet_ntop(AF_INET, &four.sin_addr, text, RESOLVE_TEXT_BYTES) != NULL;
	}
	if (address->sa_family != AF_INET6)
		return false;
	memcpy(&six, address, sizeof(six));
	if (inet_ntop(AF_INET6, &six.sin6_addr, text, RESOLVE_TEXT_BYTES) == NULL)
		return false;
	size = strlen(text);
	if (six.sin6_scope_id != 0)
		(void)snprintf(text + size, RESOLVE_TEXT_BYTES - size, "%%%u", six.sin6_scope_id);
	return true;
}

enum err
resolve_host(const char *host, struct resolve_address *out, size_t most, size_t *count_out,
	     const char **why_out)
{
	const struct addrinfo hints = { .ai_family = AF_UNSPEC, .ai_socktype = SOCK_STREAM };
	struct addrinfo *found = NULL;
	const struct addrinfo *at;
	size_t count = 0;
	int code;

	MUST(host != NULL && out != NULL && most > 0 && count_out != NULL && why_out != NULL);

	code = getaddrinfo(host, NULL, &hints, &found);
	if (code != 0) {
		*why_out = gai_strerror(code);
		return ERR_MISSING;
	}
	for (at = found; at != NULL && count < most; at = at->ai_next) {
		if (write_address(at->ai_addr, out[count].text))
			count++;
	}
	freeaddrinfo(found);
	if (count == 0) {
		*why_out = "no address";
		return ERR_MISSING;
	}
	*count_out = count;
	return ERR_OK;
}
