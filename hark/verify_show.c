/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Shows a judgement.  Names come from what is judged: they are escaped before they are shown. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/base64.h"
#include "base/must.h"
#include "base/text.h"
#include "hark/verify_show.h"
#include "json/writer.h"

#define BAR_WIDTH    40u
#define ID_WIDTH_MIN 20

/* ---- JSON ----------------------------------------------------------------------------------- */

/* A string with its quotes; `text` is UTF-8. */
static void
print_string(const char *text)
{
	char out[6 * HARK_FINDING_TEXT_BYTES + 6 * HARK_ORIGIN_NAME_BYTES_MAX + 8];
	struct json_writer w;
	size_t size = 0;

	json_writer_init(&w, out, sizeof(out));
	json_write_string(&w, text, strlen(text));
	if (json_writer_finish(&w, &size) != ERR_OK)
		abort(); /* the buffer is sized for the longest text */
	(void)fwrite(out, 1, size, stdout);
}

static const char *
effect_name(enum hark_finding_effect effect)
{
	switch (effect) {
	case HARK_EFFECT_TAMPERED:
		return "tampered";
	case HARK_EFFECT_UNVERIFIABLE:
		return "unverifiable";
	case HARK_EFFECT_INCOMPLETE:
		return "incomplete";
	case HARK_EFFECT_GAP:
		return "gap";
	case HARK_EFFECT_NOTE:
		break;
	}
	return "note";
}

static void
print_finding_json(struct show *s, const struct hark_finding *f)
{
	(void)printf("%s{\"effect\":\"%s\",\"finding\":\"%s\"", s->told++ > 0 ? "," : "",
		     effect_name(hark_finding_effect_of(f->kind)), hark_finding_name(f->kind));
	if (f->index != HARK_NO_INDEX)
		(void)printf(",\"index\":\"%" PRIu64 "\"", f->index);
	if (f->origin[0] != '\0') {
		(void)printf(",\"origin\":");
		print_string(f->origin);
	}
	if (f->place[0] != '\0') {
		(void)printf(",\"place\":");
		print_string(f->place);
	}
	(void)printf(",\"text\":");
	print_string(f->text);
	(void)printf("}");
}

static void
print_cell_json(const struct hark_cell_report *c, bool is_first)
{
	(void)printf("%s{\"cell\":", is_first ? "" : ",");
	print_string(c->cell);
	(void)printf(",\"conflicts\":\"%" PRIu64 "\",\"declarations\":\"%" PRIu64
		     "\",\"dropped\":\"%" PRIu64 "\",\"firstIndex\":\"%" PRIu64
		     "\",\"gaps\":\"%" PRIu64 "\",\"lastIndex\":\"%" PRIu64 "\",\"lost\":\"%" PRIu64
		     "\",\"rejected\":\"%" PRIu64 "\",\"removed\":%s,\"run\":",
		     c->conflicts, c->declarations, c->dropped, c->first_index, c->gaps,
		     c->last_index, c->lost, c->rejected, c->is_removed ? "true" : "false");
	print_string(c->run);
	(void)printf(",\"silences\":\"%" PRIu64 "\",\"silent\":%s,\"unnumbered\":\"%" PRIu64 "\"}",
		     c->silences, c->is_silent ? "true" : "false", c->unnumbered);
}

static void
print_root_json(const char *name, const uint8_t root[HARK_ROOT_BYTES])
{
	char text[BASE64_SIZE(HARK_ROOT_BYTES)];

	base64_write(root, HARK_ROOT_BYTES, text);
	(void)printf(",\"%s\":\"%.*s\"", name, (int)sizeof(text), text);
}

static void
print_ledger_json(const struct hark_ledger_report *r, bool is_first)
{
	uint64_t i;

	(void)printf("%s{\"answer\":\"%s\",\"cells\":[", is_first ? "" : ",",
		     hark_answer_name(r->answer));
	for (i = 0; i < r->cell_count; i++)
		print_cell_json(&r->cells[i], i == 0);
	(void)printf("],\"committed\":\"%" PRIu64 "\",\"first\":\"%" PRIu64 "\"", r->committed,
		     r->first);
	if (strcmp(r->name, "proof") == 0)
		(void)printf(",\"index\":\"%" PRIu64 "\"", r->index);
	(void)printf(",\"judged\":%s,\"name\":\"%s\",\"origin\":", r->is_judged ? "true" : "false",
		     r->name);
	print_string(r->origin);
	(void)printf(",\"pastCheckpoints\":\"%" PRIu64 "\",\"redacted\":\"%" PRIu64 "\"",
		     r->history, r->redacted);
	print_root_json("root", r->root);
	(void)printf(",\"sealed\":\"%" PRIu64 "\"", r->sealed);
	print_root_json("sealedRoot", r->sealed_root);
	if (r->has_since)
		(void)printf(",\"since\":\"%" PRIu64 "\"", r->since);
	(void)printf("}");
}

static void
answer_json(const struct show *s, const struct hark_verifier *v, enum hark_answer answer)
{
	const struct hark_ledger_report *r;
	size_t i;

	(void)printf("%s],\"ledgers\":[", s->told == 0 ? "{\"findings\":[" : "");
	for (i = 0; (r = hark_verifier_report(v, i)) != NULL; i++)
		print_ledger_json(r, i == 0);
	(void)printf("],\"answer\":\"%s\",\"code\":%d}\n", hark_answer_name(answer), (int)answer);
}

/* ---- tables --------------------------------------------------------------------------------- */

static void
keep(struct show_list *list, const struct hark_finding *f)
{
	if (list->kept == NULL)
		list->kept = malloc(SHOW_FINDINGS_MAX * sizeof(*list->kept));
	if (list->kept == NULL || list->count == SHOW_FINDINGS_MAX)
		list->more++; /* without memory it is still counted, and the answer knows it */
	else
		list->kept[list->count++] = *f;
}

static void
clear_bar(struct show *s)
{
	if (s->has_bar)
		(void)fprintf(stderr, "\r\033[K");
	s->has_bar = false;
}

void
show_finding(void *context, const struct hark_finding *f)
{
	struct show *s = context;
	bool decides = hark_finding_effect_of(f->kind) >= HARK_EFFECT_INCOMPLETE;

	if (!s->as_json) {
		keep(decides ? &s->decisive : &s->others, f);
		return;
	}
	clear_bar(s);
	if (s->told == 0)
		(void)printf("{\"findings\":[");
	print_finding_json(s, f);
}

void
show_progress(void *context, const char *name, uint64_t done, uint64_t all)
{
	struct show *s = context;
	unsigned int full;
	unsigned int i;

	if (!s->progress)
		return;
	full = all > 0 && done < all ? (unsigned int)((double)done / (double)all * BAR_WIDTH)
				     : BAR_WIDTH;
	(void)fprintf(stderr, "\r%-10s [", name);
	for (i = 0; i < BAR_WIDTH; i++)
		(void)fputc(i < full ? '#' : '.', stderr);
	(void)fprintf(stderr, "] %" PRIu64 " of %" PRIu64 " %s", done, all,
		      text_counted(all, "leaf", "leaves"));
	(void)fflush(stderr);
	s->has_bar = true;
}

static void
print_list(const struct show_list *list, const char *title)
{
	size_t i;

	if (list->count + list->more > 0)
		(void)printf("%s\n", title);
	for (i = 0; i < list->count; i++) {
		const struct hark_finding *f = &list->kept[i];

		bool has_place =
			f->origin[0] != '\0' || f->place[0] != '\0' || f->index != HARK_NO_INDEX;

		(void)printf("  %-12s %-*s", effect_name(hark_finding_effect_of(f->kind)),
			     has_place ? 16 : 0, hark_finding_name(f->kind));
		if (f->origin[0] != '\0')
			(void)printf(" %s", f->origin);
		if (f->place[0] != '\0')
			(void)printf(" %s", f->place);
		if (f->index != HARK_NO_INDEX)
			(void)printf(" leaf %" PRIu64, f->index);
		(void)printf("\n               %s\n", f->text);
	}
	if (list->more > 0)
		(void)printf("  and %" PRIu64 " more; --json has them all\n", list->more);
}

static void
print_root(const char *name, const uint8_t root[HARK_ROOT_BYTES])
{
	char text[BASE64_SIZE(HARK_ROOT_BYTES)];

	base64_write(root, HARK_ROOT_BYTES, text);
	(void)printf("  %-12s %.*s\n", name, (int)sizeof(text), text);
}

static const char *
cell_state(const struct hark_cell_report *c)
{
	if (c->is_removed)
		return "removed";
	return c->is_silent ? "silent" : "heard";
}

/* At least the column's width, so that short names make the same table every time. */
static int
widen(int width, const char *name)
{
	char shown[4 * HARK_ID_BYTES_MAX + 8];

	(void)text_escape(name, strlen(name), shown, sizeof(shown));
	return (int)strlen(shown) > width ? (int)strlen(shown) : width;
}

static void
print_cells(const struct hark_ledger_report *r)
{
	int cell_width = ID_WIDTH_MIN;
	int run_width = ID_WIDTH_MIN;
	uint64_t i;

	if (r->cell_count == 0)
		return;
	for (i = 0; i < r->cell_count; i++) {
		cell_width = widen(cell_width, r->cells[i].cell);
		run_width = widen(run_width, r->cells[i].run);
	}
	(void)printf("  %-*s %-*s %10s %10s %6s %8s %8s %8s %8s  %s\n", cell_width, "cell",
		     run_width, "run", "declared", "no number", "gaps", "lost", "dropped",
		     "rejected", "silences", "now");
	for (i = 0; i < r->cell_count; i++) {
		const struct hark_cell_report *c = &r->cells[i];
		char cell[4 * HARK_ID_BYTES_MAX + 8];
		char run[4 * HARK_ID_BYTES_MAX + 8];

		(void)text_escape(c->cell, strlen(c->cell), cell, sizeof(cell));
		(void)text_escape(c->run, strlen(c->run), run, sizeof(run));
		(void)printf("  %-*s %-*s %10" PRIu64 " %10" PRIu64 " %6" PRIu64 " %8" PRIu64
			     " %8" PRIu64 " %8" PRIu64 " %8" PRIu64 "  %s\n",
			     cell_width, cell, run_width, run, c->declarations, c->unnumbered,
			     c->gaps, c->lost, c->dropped, c->rejected, c->silences, cell_state(c));
	}
}

static void
print_ledger(const struct hark_ledger_report *r)
{
	char origin[4 * HARK_ORIGIN_NAME_BYTES_MAX + 8];

	(void)text_escape(r->origin, strlen(r->origin), origin, sizeof(origin));
	(void)printf("%s  %s\n", r->name, origin);
	(void)printf("  %-12s %s\n", "answer",
		     r->is_judged ? hark_answer_name(r->answer) : "not judged");
	if (!r->is_judged)
		return;
	if (strcmp(r->name, "proof") == 0) {
		(void)printf("  %-12s %" PRIu64 " of the %" PRIu64 " that %s sealed\n", "leaf",
			     r->index, r->sealed, text_counted(r->sealed, "was", "were"));
		print_root("root", r->sealed_root);
		return;
	}
	(void)printf("  %-12s %" PRIu64 " committed, %" PRIu64 " sealed", "leaves", r->committed,
		     r->sealed);
	if (r->first > 0)
		(void)printf(", the first that is here is %" PRIu64, r->first);
	if (r->redacted > 0)
		(void)printf(", %" PRIu64 " redacted", r->redacted);
	(void)printf("\n");
	print_root("root", r->root);
	if (r->history > 0)
		(void)printf("  %-12s %" PRIu64 " past checkpoints\n", "verified", r->history);
	if (r->has_since)
		(void)printf("  %-12s a checkpoint of size %" PRIu64 " that was seen elsewhere\n",
			     "held against", r->since);
	print_cells(r);
}

static void
answer_text(const struct show *s, const struct hark_verifier *v, enum hark_answer answer)
{
	const struct hark_ledger_report *r;
	size_t i;

	for (i = 0; (r = hark_verifier_report(v, i)) != NULL; i++)
		print_ledger(r);
	print_list(&s->decisive, "what decides");
	print_list(&s->others, "what else was found");
	(void)printf("answer: %s\n", hark_answer_name(answer));
}

void
show_answer(struct show *s, const struct hark_verifier *v, enum hark_answer answer)
{
	clear_bar(s);
	if (s->as_json)
		answer_json(s, v, answer);
	else
		answer_text(s, v, answer);
}

void
show_finish(struct show *s)
{
	clear_bar(s);
	free(s->decisive.kept);
	free(s->others.kept);
	*s = (struct show){ .as_json = false };
}
