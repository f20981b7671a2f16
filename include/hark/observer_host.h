/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * Runs strangers' WebAssembly over events.  A module is registered by digest; what can be known
 * then is refused then, by name.  A call gets a batch of events and a fresh instance; what it asks
 * for is staged, and handed to the capabilities only if the call returns.  A capability sees itself
 * and bytes, never an event, a ledger or the module: an observer has no way to what it observes.
 * docs/format/observer-abi.md has what a module sees; <hark/observer.h> is what a module in C
 * includes.
 *
 * Two backends: `wasmtime` runs modules, where this library was built with the engine; `noop` says
 * ok and runs nothing.  A host is used by one thread at a time.  Nothing here logs, exits or
 * aborts. Compiling takes time and executable memory: register modules before confining a process.
 */
#ifndef HARK_OBSERVER_HOST_H
#define HARK_OBSERVER_HOST_H

#include <hark/telemetry.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Values of all enums here are frozen: they stand in records and are passed between processes. */

enum hark_observer_error {
	HARK_OBSERVER_OK = 0,
	HARK_OBSERVER_ARGUMENT = 1,
	HARK_OBSERVER_MEMORY = 2,
	HARK_OBSERVER_ENGINE = 3, /* it cannot be started, or is not in this build */
	HARK_OBSERVER_LINKER = 4, /* a function of ours could not be given to a module */
	HARK_OBSERVER_DIGEST = 5, /* the bytes are not those of the digest */
	HARK_OBSERVER_PARSE = 6,  /* not a module, or of a proposal that is off */
	HARK_OBSERVER_IMPORT = 7,
	HARK_OBSERVER_EXPORT = 8,
	HARK_OBSERVER_LIMIT = 9, /* the module is larger than its limits */
	HARK_OBSERVER_TRAPPED =
		10, /* the call ended otherwise than by returning; its class says how */
	HARK_OBSERVER_CAPABILITY = 11, /* a capability failed: no fault of the module, call again */
	HARK_OBSERVER_EVENT = 12,  /* an event that the caller gave cannot be shown to a module */
	HARK_OBSERVER_SYSTEM = 13, /* the host's clock thread could not be started */
};

/* A static text for people, never NULL. */
HARK_API const char *hark_observer_error_text(enum hark_observer_error e);

/* How a call ended that did not return: Arkhe's classes with Arkhe's numbers. */
enum hark_observer_trap_class {
	HARK_OBSERVER_TRAP_PANIC = 0,
	HARK_OBSERVER_TRAP_BUDGET_EXCEEDED = 1,
	HARK_OBSERVER_TRAP_CAPABILITY_DENIED = 2,
	HARK_OBSERVER_TRAP_OTHER = 3,
};

/* Their names, in the order of their numbers. */
#define HARK_OBSERVER_TRAP_CLASS_NAMES(X) \
	X("Panic")                        \
	X("BudgetExceeded")               \
	X("CapabilityDenied")             \
	X("Other")

/* The name of a class; NULL for other values. */
HARK_API const char *hark_observer_trap_class_name(enum hark_observer_trap_class trap_class);

/* What may be granted.  A set of tokens is a mask of HARK_OBSERVER_TOKEN_BIT. */
enum hark_observer_cap_token {
	HARK_OBSERVER_TOKEN_PG_WRITE = 0,
	HARK_OBSERVER_TOKEN_METRIC_EMIT = 1,
	HARK_OBSERVER_TOKEN_KMS_RECEIPT = 2,
	HARK_OBSERVER_TOKEN_LOG = 3,
};

#define HARK_OBSERVER_TOKEN_COUNT      4u
#define HARK_OBSERVER_TOKEN_BIT(token) (1u << (unsigned)(token))
#define HARK_OBSERVER_TOKENS_ALL       ((1u << HARK_OBSERVER_TOKEN_COUNT) - 1u)

/* Their names, in the order of their numbers. */
#define HARK_OBSERVER_TOKEN_NAMES(X) \
	X("PgWrite")                 \
	X("MetricEmit")              \
	X("KmsReceipt")              \
	X("Log")

/* The name of a token; NULL for other values. */
HARK_API const char *hark_observer_cap_token_name(enum hark_observer_cap_token token);
/* The token of that name; false, with *out untouched, where there is none. */
HARK_API bool hark_observer_cap_token_of(struct hark_text name, enum hark_observer_cap_token *out);

/*
 * Why a module was refused, or why a call ended.  The names are in records and in what is printed
 * for machines.  At load: what stands before UNREACHABLE.
 */
#define HARK_OBSERVER_REASONS(X)                                                                 \
	X(NONE, "none")                                                                          \
	X(DIGEST, "digest")                                                                      \
	X(MODULE_BYTES, "module_bytes") /* over its limit */                                     \
	X(PARSE, "parse")               /* not a module; a component; a proposal that is off */  \
	X(MODULE_LIMIT, "module_limit") /* it declares more memory or tables than it may have */ \
	X(COMPILE_TIME, "compile_time") /* over its limit */                                     \
	X(IMPORT_WASI, "import_wasi")   /* WASI, by name */                                      \
	X(IMPORT_STRANGER, "import_stranger")   /* outside arkhe:observer/ */                    \
	X(IMPORT_UNKNOWN, "import_unknown")     /* inside it, and not there */                   \
	X(IMPORT_KIND, "import_kind")           /* not a function */                             \
	X(IMPORT_TYPE, "import_type")           /* of other parameters or results */             \
	X(IMPORT_UNGRANTED, "import_ungranted") /* its token is not granted */                   \
	X(EXPORT_MISSING, "export_missing")     /* no export called observer */                  \
	X(EXPORT_TYPE, "export_type")           /* not a function of nothing to nothing */       \
	X(UNREACHABLE, "unreachable")                                                            \
	X(MEMORY_BOUNDS, "memory_bounds")                                                        \
	X(TABLE_BOUNDS, "table_bounds")                                                          \
	X(INDIRECT_CALL, "indirect_call") /* to null or to another type */                       \
	X(ARITHMETIC, "arithmetic")       /* division by zero, overflow, conversion */           \
	X(STACK, "stack")                                                                        \
	X(FUEL, "fuel")                                                                          \
	X(WALL_CLOCK, "wall_clock")                                                              \
	X(INSTANCE_LIMIT, "instance_limit") /* it could not be instantiated within its limits */ \
	X(POINTER, "pointer")               /* ptr and len are not within its memory */          \
	X(NO_MEMORY, "no_memory")           /* it exports no memory to point into */             \
	X(PAYLOAD_BYTES, "payload_bytes")   /* one effect is over its limit */                   \
	X(EFFECTS, "effects") /* more effects, or more of their bytes, in one call */            \
	X(DENIED, "denied")   /* the token is not in this call's context */                      \
	X(CAPABILITY_FAILED, "capability_failed")                                                \
	X(UNKNOWN_TRAP, "unknown_trap")

enum hark_observer_reason {
#define HARK_OBSERVER_REASON_ENUM(name, text) HARK_OBSERVER_REASON_##name,
	HARK_OBSERVER_REASONS(HARK_OBSERVER_REASON_ENUM)
#undef HARK_OBSERVER_REASON_ENUM
		HARK_OBSERVER_REASON_COUNT
};

/* NULL for a value that is not of the enum. */
HARK_API const char *hark_observer_reason_name(enum hark_observer_reason reason);

/*
 * Limits of one module.  hark_observer_limits_default gives those of the third column; a host
 * refuses what is over the fourth, and zeros but for fuel (a call ends at once) and wall_ms (no
 * clock, see hark_observer_host_tick).
 */
#define HARK_OBSERVER_LIMITS(X)                                         \
	X(fuel, "a call's fuel", 100000000u, UINT64_MAX)                \
	X(wall_ms, "a call's time by the clock", 1000u, 3600000u)       \
	X(memory_bytes, "linear memory", 16777216u, 1073741824u)        \
	X(table_elements, "elements of a table", 10000u, 1000000u)      \
	X(stack_bytes, "stack", 524288u, 1048576u)                      \
	X(payload_bytes, "one effect", 65536u, 16777216u)               \
	X(effects, "effects of a call", 10000u, 1000000u)               \
	X(effect_bytes, "all effects of a call", 16777216u, 268435456u) \
	X(module_bytes, "a module's file", 1048576u, 67108864u)         \
	X(compile_ms, "a processor's time to compile a module", 10000u, 3600000u)

struct hark_observer_limits {
#define HARK_OBSERVER_LIMIT_MEMBER(name, words, usual, most) uint64_t name;
	HARK_OBSERVER_LIMITS(HARK_OBSERVER_LIMIT_MEMBER)
#undef HARK_OBSERVER_LIMIT_MEMBER
};

/* Fills in the usual limits. */
HARK_API void hark_observer_limits_default(struct hark_observer_limits *out);

/* Of each call into the host: this much fuel, and one for each eight bytes that it copies. */
#define HARK_OBSERVER_HOST_CALL_FUEL 50u

/*
 * What a token leads to.  `execute` gets the bytes of one effect and its own `self`; other than 0
 * means that it failed: then the rest of the call's effects is not handed over, and the caller
 * calls again. A capability that must not do half a call's work keeps what it gets until invoke has
 * given OK.
 */
struct hark_observer_capability {
	enum hark_observer_cap_token token;
	int (*execute)(void *self, const void *bytes, size_t size);
	void *self;
};

/* Who calls: tokens and nothing else. */
struct hark_observer_context {
	uint32_t tokens;
};

/*
 * One event, as it lies in a ledger: `json` is what a module reads by event.json, the other members
 * go into the record of event.next.  hark_observer_event_of fills it from the JSON.  Texts are
 * borrowed; type, id, cell, run, probe_source and guest_comm together have at most
 * HARK_OBSERVER_TEXTS_MAX bytes.  texts_cut: the last two are less than what the JSON has.
 */
#define HARK_OBSERVER_TEXTS_MAX 3968u

struct hark_observer_event {
	uint64_t index;   /* in its ledger */
	uint64_t time_ns; /* since 1970, when the host received it; 0 before */
	bool has_epoch, has_seq, has_guest, texts_cut;
	uint32_t epoch;
	uint32_t guest_pid; /* this and the next only where has_guest */
	uint64_t guest_monotonic_ns;
	uint64_t seq;
	struct hark_text type, id, cell, run, probe_source, guest_comm;
	struct hark_text json;
};

/* The longest JSON of an event: what a leaf of a ledger can hold. */
#define HARK_OBSERVER_JSON_BYTES_MAX 65535u
/* What hark_observer_event_of needs beside the JSON: texts that have escapes are written there. */
#define HARK_OBSERVER_EVENT_STORAGE HARK_OBSERVER_TEXTS_MAX

/*
 * Reads an event of Hark's (docs/format/events.md), which is canonical JSON.  `json` is borrowed by
 * *out; its texts point into it, or, those that have escapes, into `storage`, of
 * HARK_OBSERVER_EVENT_STORAGE bytes.  What is claimed is cut where it is too long, at a character:
 * guest_comm to what the other texts leave, probe_source only to what those of the host leave.
 * EVENT where it is not one: not JSON in canonical form, no id that ends in /<index>, no type or
 * time, or these, cell and run too long.
 */
HARK_API HARK_MUST_USE enum hark_observer_error hark_observer_event_of(
	struct hark_text json, char *storage, struct hark_observer_event *out);

/* A module's manifest: what it must be, and what it may do.  `digest` is "blake3:" or "sha256:" and
 * 64 lower-case hex digits. */
struct hark_observer_manifest {
	struct hark_text digest;
	uint32_t tokens;
};

/* What a call came to. */
struct hark_observer_outcome {
	enum hark_observer_trap_class trap_class; /* where invoke gives TRAPPED */
	enum hark_observer_reason reason;         /* where it gives TRAPPED or CAPABILITY */
	enum hark_observer_cap_token token;       /* of DENIED and CAPABILITY_FAILED */
	size_t events_taken;                      /* that the module has begun on */
	size_t effects;                           /* staged; handed over where invoke gives OK */
	uint64_t fuel_used;
};

/* Why a module was refused: `text` names the import or export, the reason and the remedy. */
struct hark_observer_refusal {
	enum hark_observer_reason reason;
	struct hark_failure failure;
};

/* A host: a table of functions and what they work on.  An embedder may bring its own. */
struct hark_observer_host_functions {
	const char *name;
	enum hark_observer_error (*register_module)(void *state, const void *bytes, size_t size,
						    const struct hark_observer_manifest *manifest,
						    struct hark_observer_refusal *why);
	enum hark_observer_error (*invoke)(void *state, const struct hark_observer_context *context,
					   const struct hark_observer_event *events, size_t count,
					   struct hark_observer_outcome *out);
	void (*tick)(void *state);
	void (*close)(void *state);
};

struct hark_observer_host {
	const struct hark_observer_host_functions *functions;
	void *state;
};

/* True where this library can run modules. */
HARK_API bool hark_observer_has_engine(void);

/* A host that says OK to each well-formed question and runs nothing.  ARGUMENT. */
HARK_API HARK_MUST_USE enum hark_observer_error hark_observer_host_open_noop(
	struct hark_observer_host *out);

/*
 * A host that runs one module.  Limits and capabilities are copied; each token at most once.  NULL
 * limits are the default.  With wall_ms it has a thread that ticks.  `why` may be NULL.
 * Errors: ENGINE with *why, ARGUMENT, LIMIT with *why, MEMORY, SYSTEM.
 */
HARK_API HARK_MUST_USE enum hark_observer_error hark_observer_host_open_wasmtime(
	const struct hark_observer_limits *limits,
	const struct hark_observer_capability *capabilities, size_t capability_count,
	struct hark_observer_host *out, struct hark_failure *why);

/*
 * Makes a module the host's module, instead of the one before; a refused one leaves that in its
 * place. In this order: the size, the digest (compared in constant time), then it is parsed and
 * compiled, then its imports and exports are looked at.  A token must have a capability of this
 * host, else ARGUMENT.  `why` may be NULL.  Errors: DIGEST, PARSE, IMPORT, EXPORT, LIMIT with *why;
 * ARGUMENT, MEMORY, ENGINE, LINKER.
 */
HARK_API HARK_MUST_USE enum hark_observer_error hark_observer_host_register(
	struct hark_observer_host *host, const void *bytes, size_t size,
	const struct hark_observer_manifest *manifest, struct hark_observer_refusal *why);

/*
 * Runs the host's module once over a batch of events: `count` of them, in order; 0 with NULL is
 * fine.  A module that does not import event.next is called for each event by itself, and once
 * where there is none, all of it one call in its effects.  A host without a module says OK and does
 * nothing.  *out is always set, but for ARGUMENT.  Errors: TRAPPED, CAPABILITY, EVENT, MEMORY,
 * ARGUMENT.
 */
HARK_API HARK_MUST_USE enum hark_observer_error hark_observer_host_invoke(
	struct hark_observer_host *host, const struct hark_observer_context *context,
	const struct hark_observer_event *events, size_t count, struct hark_observer_outcome *out);

/*
 * One tick of the host's clock, 10 ms of wall_ms: for who opened it with wall_ms 0 and has a clock
 * of their own.  A call under way ends with BUDGET_EXCEEDED by the first tick after its begin.  It
 * may be called from any thread, and from a signal handler, while the host is open.
 */
HARK_API void hark_observer_host_tick(struct hark_observer_host *host);

/* Frees what it holds and makes it zero.  NULL and zeroed are fine. */
HARK_API void hark_observer_host_close(struct hark_observer_host *host);

/* Whether bytes have that digest, as a manifest says it, compared in constant time.  ARGUMENT: it
 * is not one; DIGEST: they do not. */
HARK_API HARK_MUST_USE enum hark_observer_error hark_observer_digest_check(struct hark_text digest,
									   const void *bytes,
									   size_t size);

/* "blake3:" or "sha256:", 64 hex digits and a terminator. */
#define HARK_OBSERVER_DIGEST_TEXT 72u

/* The digest of bytes as a manifest says it: by SHA-256 where `like` is such a one, else by BLAKE3.
 * ARGUMENT. */
HARK_API HARK_MUST_USE enum hark_observer_error hark_observer_digest_write(
	struct hark_text like, const void *bytes, size_t size, char out[HARK_OBSERVER_DIGEST_TEXT]);

/* BLAKE3 of bytes, for manifests, also where this library has no engine.  ARGUMENT. */
HARK_API HARK_MUST_USE enum hark_observer_error hark_observer_blake3(const void *bytes, size_t size,
								     uint8_t out[32]);

#ifdef __cplusplus
}
#endif
#endif
