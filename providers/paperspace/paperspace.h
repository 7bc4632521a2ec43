/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Internal to providers/paperspace: machines of Paperspace, which DigitalOcean runs, over version 1
 * of its API. JSON over HTTPS behind a key, as providers/rest.h does it.
 *
 * What this cloud has not, and what stands for it: no tags, so a machine's name carries owner, name
 * and token ("gpucloud.OWNER.NAME.TOKEN"); no idempotency, so a launch looks its token up first and
 * sends the request that makes it once; no firewall; no price list, so a dated table is built in, and
 * a machine tells its own rates once it is there. Machines must be off before they can be deleted.
 *
 * https://docs.digitalocean.com/reference/paperspace/api-reference/
 */
#ifndef GPUCLOUD_PROVIDERS_PAPERSPACE_PAPERSPACE_H
#define GPUCLOUD_PROVIDERS_PAPERSPACE_PAPERSPACE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/buf.h"
#include "providers/provider.h"
#include "providers/rest.h"

struct cJSON;
struct pspace_type;

#define PSPACE_LOGIN	 "paperspace" /* the user of its Linux templates */
#define PSPACE_PAGE	 "120"	      /* the most that a page holds */
#define PSPACE_ID_MAX	 64
#define PSPACE_TEXT_MAX	 1024
#define PSPACE_NAME_MAX	 255
#define PSPACE_ITEMS_MAX 20000 /* of one list */

/* "script data is limited to 16KB per script"; a login key that is put before it must fit in, too.
 * https://docs.paperspace.com/core/api-reference/scripts/ */
#define PSPACE_SCRIPT_MAX    16384
#define PSPACE_USER_DATA_MAX (PSPACE_SCRIPT_MAX - 2048)

/* --- the handle ------------------------------------------------------------------------------- */

enum pspace_spelling {
	PSPACE_FULL,  /* "East Coast (NY2)": what working clients send */
	PSPACE_SHORT, /* "NY2": what the vendor's how-to shows */
};

struct provider {
	struct provider_env env;
	struct rest rest;
	struct arena arena;	       /* strings that live as long as the handle */
	bool simulated;		       /* the profile 'sim': no key but the simulator's counts */
	enum pspace_spelling spelling; /* of regions: the other one once this one was refused */
};

/* --- pspace_region.c -------------------------------------------------------------------------- */

#define PSPACE_REGIONS 3
#define PSPACE_REGION  "ny2" /* where none is said: the only one that has all types */
/* One of ours ("ny2") in whatever spelling, or NULL. */
const char *pspace_region_find(const char *text);
unsigned pspace_region_bit(const char *region); /* of pspace_type.regions; 0: none of ours */
/* On the wire, in the spelling that the handle uses now. region must be one of ours. */
const char *pspace_region_label(const struct provider *p, const char *region);
/* A request was refused for its region's spelling: changes to the other one, true, once. */
bool pspace_region_respell(struct provider *p, const struct error *err);
/* Of a machine or an address: ours, or what it says made harmless; never empty. */
const char *pspace_region_read(const char *text, struct arena *arena);

/* --- pspace_name.c: what names carry ---------------------------------------------------------- */

#define PSPACE_LAUNCH_ID 26

struct pspace_name {
	char owner[64], name[64], launch_id[PSPACE_LAUNCH_ID + 1], token[48];
	char address[16]; /* of a script: that is being released for its launch, or "" */
};

/* token: "LAUNCHID-1". ERROR_USAGE where a part would not come back as it is. */
int pspace_name_machine(const struct launch_request *request, char out[PSPACE_NAME_MAX + 1],
			struct error *err);
/* True for a name that one of ours has, to the letter. */
bool pspace_name_read_machine(const char *text, struct pspace_name *ret);
void pspace_name_script(const char *owner, const char *launch_id, char out[PSPACE_NAME_MAX + 1]);
/* The same, of a launch whose static address is being released: "198.51.100.7", or "" for none. */
void pspace_name_script_noting(const char *owner, const char *launch_id, const char *address,
			       char out[PSPACE_NAME_MAX + 1]);
/* owner, launch_id and address */
bool pspace_name_read_script(const char *text, struct pspace_name *ret);
bool pspace_launch_id_ok(const char *text);

/* --- pspace_error.c --------------------------------------------------------------------------- */

extern const struct rest_cloud pspace_cloud;

/* --- pspace_key.c ----------------------------------------------------------------------------- */

/* Of struct rest_cloud: where the key is found. */
int pspace_key_find(void *ctx, struct rest *rest, struct error *err);

/* --- pspace_request.c: small parts of calls --------------------------------------------------- */

bool pspace_id_ok(const char *id);
int pspace_id_check(const char *id, struct error *err); /* ERROR_USAGE */
bool pspace_is_instance_id(const char *text);
int pspace_sleep(struct provider *p, int64_t ms, struct error *err);
/* One request without a body, or with an empty one; ret may be NULL. */
int pspace_get(struct provider *p, const char *const *path, const char *what, struct json *ret,
	       struct error *err);
int pspace_act(struct provider *p, const char *method, const char *const *path, const char *what,
	       struct error *err);
/* DELETE: 1 where it was there, 0 where it was gone already, -1. */
int pspace_delete(struct provider *p, const char *const *path, const char *what, struct error *err);
/* Unix seconds of a member, 0 where it is absent or no time. */
int64_t pspace_time(const struct cJSON *node, const char *name);
/* A member's text, "" where it is absent, none, or longer than PSPACE_TEXT_MAX. */
const char *pspace_text(const struct cJSON *node, const char *name, struct arena *arena);
/* One page of a list: hands every object of "items" to each(), follows "nextPage". */
struct pspace_pages {
	const char *what; /* "cannot list machines" */
	const char *name; /* "machines": the path */
	void *ctx;
	int (*each)(void *ctx, const struct cJSON *item, struct error *err);
	size_t nr; /* items so far; starts at 0 */
};
int pspace_list(struct provider *p, struct pspace_pages *pages, struct error *err);

/* --- pspace_events.c -------------------------------------------------------------------------- */

/* What a machine's events say of it. Times are Unix seconds, 0: unknown. */
struct pspace_history {
	const char *id;	    /* of the machine; given */
	int64_t started;    /* it is on since then, or was last */
	int64_t stopped;    /* after that */
	bool create_failed; /* it never came up */
	bool stop_failed;   /* the last that was asked of it, and it did not stop */
	int64_t stopping; /* the last that was asked of it, then, and it is still under way; or 0 */
	bool ending;	  /* it is being deleted right now */
	char error[200];  /* of the create that failed; "" */
	struct error err; /* why nothing is known */
};
/* All at once. What could not be asked has err set. */
void pspace_histories(struct provider *p, struct pspace_history *v, size_t n);

/* --- pspace_machine.c ------------------------------------------------------------------------- */

struct pspace_machine {
	struct instance instance; /* .launched: when it was made, until its history is known */
	bool ours;		  /* its name says so */
	bool deleted;
	bool is_static; /* its address */
	int64_t modified;
};
/* ERROR_PROTOCOL naming the field: a machine without id or name. Strings live in the arena. */
int pspace_machine_read(const struct cJSON *node, struct arena *arena, struct pspace_machine *ret,
			struct error *err);
void pspace_machine_add_history(struct pspace_machine *machine,
				const struct pspace_history *history, struct arena *arena);
/* All machines of the account, each once. */
struct pspace_machines {
	struct arena arena;
	struct pspace_machine *v;
	size_t nr, cap;
};
int pspace_machines_list(struct provider *p, struct pspace_machines *ret, struct error *err);
const struct pspace_machine *pspace_machines_find(const struct pspace_machines *list,
						  const char *id);
void pspace_machines_release(struct pspace_machines *list);

/* --- pspace_types.c --------------------------------------------------------------------------- */

#define PSPACE_BUILTIN_AS_OF INT64_C(1789862400) /* 2026-09-20, midnight UTC */

struct pspace_type {
	const char *name;
	const char *gpu;	/* "" : none */
	unsigned gpus, gpu_gib; /* GiB of each */
	unsigned vcpus, ram_gib;
	unsigned regions; /* pspace_region_bit() */
	int64_t micros;	  /* per hour */
};
const struct pspace_type *pspace_types(size_t *nr);
const struct pspace_type *pspace_type_find(const char *name); /* or NULL */
/* Of a type that the table lacks: "A100x4" is four times an A100. False: nothing is known of it. */
bool pspace_type_guess(const char *name, struct pspace_type *ret);
bool pspace_type_name_ok(const char *name);

/* --- pspace_templates.c ----------------------------------------------------------------------- */

struct pspace_template {
	const char *id, *name, *os;
	const char **types; /* those it can be had on */
	size_t nr_types;
	unsigned default_gb; /* 0: it does not say */
	int64_t created;
};
struct pspace_templates {
	struct arena arena;
	struct pspace_template *v;
	size_t nr, cap;
};
int pspace_templates_list(struct provider *p, const char *path, struct pspace_templates *ret,
			  struct error *err);
void pspace_templates_release(struct pspace_templates *list);
bool pspace_template_fits(const struct pspace_template *one, const char *type);
/* image: an id, a name, an OS, or NULL for the default of the type; owned by the list. */
const struct pspace_template *pspace_template_choose(const struct pspace_templates *list,
						     const char *image, const char *type,
						     struct error *err);

/* --- pspace_script.c -------------------------------------------------------------------------- */

/* The startup script of a launch: its user-data, and before that what lets its key log in. */
int pspace_script_text(const struct launch_request *request, struct buf *out, struct error *err);

struct pspace_script {
	const char *id;
	struct pspace_name name;
	char machine[PSPACE_ID_MAX + 1]; /* the first that it is assigned to, or "" */
	int64_t created;
};
struct pspace_scripts {
	struct arena arena;
	struct pspace_script *v;
	size_t nr, cap;
};
/* Those of ours; launch_id: of one launch, or NULL. */
int pspace_scripts_list(struct provider *p, const char *launch_id, struct pspace_scripts *ret,
			struct error *err);
void pspace_scripts_release(struct pspace_scripts *list);
/*
 * Writes down in the script's name that this address is about to be taken from the launch's machine.
 * From then on until it is released nothing else says whose it is.
 */
int pspace_script_note(struct provider *p, const struct pspace_script *script, const char *ip,
		       struct error *err);
/* Makes it, or brings the one that an interrupted try made up to date. id is PSPACE_ID_MAX + 1. */
void pspace_script_create(struct provider *p, const char *name, const struct buf *text,
			  struct rest_call *call);
int pspace_script_make(struct provider *p, const struct launch_request *request,
		       const struct buf *text, char *id, struct error *err);

/* --- pspace_limit.c: the time limit that the cloud keeps -------------------------------------- */

/* Into the body of a machine: so many seconds from when it is on; 0: none. */
void pspace_limit_add(struct cJSON *body, int64_t seconds);
/* As the slot. */
int pspace_limit(struct provider *p, const char *region, const char *id, int64_t until,
		 struct error *err);

/* --- pspace_plan.c: a launch, before anything is made ----------------------------------------- */

struct pspace_plan {
	struct provider *p;
	const struct launch_request *request;
	const struct launch_steps *steps;
	const char *region;
	char name[PSPACE_NAME_MAX + 1]; /* of the machine */
	char script_name[PSPACE_NAME_MAX + 1];
	char script[PSPACE_ID_MAX + 1]; /* its id; "": none is needed */
	struct buf text;		/* what it says */
	struct pspace_templates templates;
	const struct pspace_template *template;
	unsigned gb;
};

/* Fills templates, template and gb: ERROR_CAPACITY where none is left. Makes nothing. */
int pspace_plan_check(struct pspace_plan *plan, struct error *err);

/* --- the operations --------------------------------------------------------------------------- */

/* pspace_account.c */
int pspace_open(const struct provider_env *env, struct provider **ret, struct error *err);
void pspace_close(struct provider *p);
int pspace_default_region(struct provider *p, const char **ret, struct error *err);
int pspace_region(struct provider *p, const char *said, const char **ret, struct error *err);
int pspace_endpoint(struct provider *p, const char *region, const char **ret, struct error *err);
int pspace_account(struct provider *p, struct account *ret, struct error *err);
int pspace_regions(struct provider *p, struct region_list *ret, struct error *err);

int pspace_offers(struct provider *p, const struct offer_query *query, struct offer_list *ret,
		  struct error *err);
int pspace_launch(struct provider *p, const struct launch_request *request,
		  const struct launch_steps *steps, struct launch_result *ret, struct error *err);
int pspace_instances(struct provider *p, const struct instance_query *query,
		     struct instance_list *ret, struct error *err);
/* pspace_end.c */
int pspace_terminate(struct provider *p, const char *region, const char *id, struct error *err);
int pspace_stop(struct provider *p, const char *region, const char *id, struct error *err);
int pspace_start(struct provider *p, const char *region, const char *id, struct error *err);
int pspace_restart(struct provider *p, const char *region, const char *id, struct error *err);
/* pspace_leftovers.c, pspace_remove.c */
int pspace_leftovers(struct provider *p, const struct leftover_query *query,
		     struct leftover_list *ret, struct error *err);
int pspace_remove(struct provider *p, const struct leftover *leftover, struct error *err);
int pspace_release(struct provider *p, const char *region, const char *launch_id,
		   struct release_result *ret, struct error *err);
/* A static address goes: from its machine, then from the account. Gone already is success. */
int pspace_address_release(struct provider *p, const char *ip, bool assigned, struct error *err);
/* Every address of the account. machine: "" where it hangs on none. */
struct pspace_address {
	const char *ip, *machine, *region;
	int64_t created;
};
struct pspace_addresses {
	struct arena arena;
	struct pspace_address *v;
	size_t nr, cap;
};
int pspace_addresses_list(struct provider *p, struct pspace_addresses *ret, struct error *err);
void pspace_addresses_release(struct pspace_addresses *list);

extern const struct provider_ops paperspace_provider;

#endif
