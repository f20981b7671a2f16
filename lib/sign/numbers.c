/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * Numbers that CellOS would not print as they are written.  Its verifier reads a number into i64,
 * u64 or a double and prints it anew: what does not survive that cannot be signed for it.
 */
#include <string.h>

#include "base/must.h"
#include "base/num.h"
#include "sign/sign_internal.h"

/* The longest text of a double that is worth a look: 17 digits, point, sign, exponent. */
#define DOUBLE_TEXT_BYTES_MAX 32u
/* Digits after which a double is not told from another: more are never printed. */
#define DOUBLE_DIGITS_MAX 17u
/* With 17 digits before it, well inside what a double holds. */
#define DOUBLE_EXPONENT_MAX 290u

static bool
is_integer_kept(const char *text, size_t size)
{
	uint64_t v;
	bool negative = size > 0 && text[0] == '-';
	uint64_t max = negative ? UINT64_C(1) << 63 : UINT64_MAX;

	if (negative) {
		text++;
		size--;
	}
	if (num_read_u64(text, size, max, &v) != ERR_OK)
		return false;
	return !negative || v != 0; /* minus zero becomes -0.0 */
}

/* After the e: digits without a leading zero, small enough for any double. */
static bool
is_exponent_kept(const char *text)
{
	uint64_t v;

	if (*text == '-' || *text == '+')
		text++;
	return num_read_u64(text, strlen(text), DOUBLE_EXPONENT_MAX, &v) == ERR_OK && v > 0;
}

/* The shape of what is printed: shortest digits, "1.0" and not "1.50", e in lower case. */
static bool
is_double_kept(const char *text, size_t size)
{
	char copy[DOUBLE_TEXT_BYTES_MAX + 1];
	const char *exponent;
	const char *point;
	size_t mantissa;
	size_t digits = 0;
	size_t i;

	if (size > DOUBLE_TEXT_BYTES_MAX)
		return false;
	memcpy(copy, text, size);
	copy[size] = '\0';
	exponent = strchr(copy, 'e');
	if (strchr(copy, 'E') != NULL)
		return false;
	mantissa = exponent != NULL ? (size_t)(exponent - copy) : size;
	point = memchr(copy, '.', mantissa);
	for (i = 0; i < mantissa; i++)
		digits += copy[i] >= '0' && copy[i] <= '9';
	/* "0.5", "0.0": the zeros in front are no digits of the value. */
	for (i = copy[0] == '-'; i < mantissa && (copy[i] == '0' || copy[i] == '.'); i++)
		digits -= copy[i] == '0';
	if (digits > DOUBLE_DIGITS_MAX)
		return false;
	if (point != NULL && copy[mantissa - 1] == '0' &&
	    (exponent != NULL || point + 2 != copy + mantissa))
		return false;
	return exponent == NULL || is_exponent_kept(exponent + 1);
}

static bool
is_kept(const struct json_node *node)
{
	size_t i;

	for (i = 0; i < node->text_size; i++) {
		if (node->text[i] == '.' || node->text[i] == 'e' || node->text[i] == 'E')
			return is_double_kept(node->text, node->text_size);
	}
	return is_integer_kept(node->text, node->text_size);
}

/* Recursion is bounded by the depth with which the tree was read. */
const struct json_node *
sign_number_changed(const struct json_node *node)
{
	const struct json_node *child;

	MUST(node != NULL);

	if (node->type == JSON_NUMBER && !is_kept(node))
		return node;
	for (child = node->child; child != NULL; child = child->next) {
		const struct json_node *found = sign_number_changed(child);

		if (found != NULL)
			return found;
	}
	return NULL;
}
