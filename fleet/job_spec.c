/* SPDX-License-Identifier: Apache-2.0 */
/* What a job may be, and job.json. */
#include <stdio.h>
#include <string.h>

#include "core/buf.h"
#include "core/error.h"
#include "core/json.h"
#include "core/mem.h"
#include "core/text.h"
#include "fleet/job_internal.h"

#define VERSION 1

/* Set by the shells themselves, or not to be set: dash and bash refuse them, or make something else of them.
 * "_gcj_" is what job_run.sh begins its own with. */
static const char *const shell_names[] = { "BASHOPTS",
					   "BASHPID",
					   "BASH_VERSINFO",
					   "DIRSTACK",
					   "EPOCHREALTIME",
					   "EPOCHSECONDS",
					   "EUID",
					   "FUNCNAME",
					   "GROUPS",
					   "GPUCLOUD_JOB_ID",
					   "HISTCMD",
					   "LINENO",
					   "OPTIND",
					   "PIPESTATUS",
					   "PPID",
					   "RANDOM",
					   "SECONDS",
					   "SHELLOPTS",
					   "SRANDOM",
					   "UID",
					   "_" };

/* Text that JSON, and a terminal, can carry as it is. */
static int check_text(const char *s, size_t max, const char *what, struct error *err)
{
	if (!s[0])
		return error_set(err, ERROR_USAGE, "the job's %s is empty", what);
	if (strlen(s) > max)
		return error_set(err, ERROR_USAGE, "the job's %s is longer than %zu bytes", what,
				 max);
	if (!text_is_utf8(s, strlen(s)))
		return error_set(err, ERROR_USAGE, "the job's %s is not UTF-8", what);
	for (const char *p = s; *p; p++)
		if (((unsigned char)*p < 0x20 && !strchr("\t\n\r", *p)) || *p == 0x7f)
			return error_set(err, ERROR_USAGE,
					 "the job's %s has a control character in it", what);
	return 0;
}

static int check_name(const struct job_spec *spec, size_t nr, const char *name, struct error *err)
{
	if (!name[0] || (name[0] >= '0' && name[0] <= '9') || !text_is_token(name, "_", 255)) {
		error_set(err, ERROR_USAGE, "'%.100s' is no name of an environment variable", name);
		return error_hint(err, "letters, digits and '_', no digit first");
	}
	for (size_t i = 0; i < ARRAY_SIZE(shell_names); i++)
		if (strcmp(name, shell_names[i]) == 0 || text_starts_with(name, "_gcj_"))
			return error_set(err, ERROR_USAGE, "'%s' is not for a job to be given",
					 name);
	for (size_t i = 0; i < nr; i++) {
		const char *other =
			i < spec->nr_env ? spec->env[i].name : spec->secrets[i - spec->nr_env].name;

		if (strcmp(name, other) == 0)
			return error_set(err, ERROR_USAGE, "'%s' is given twice", name);
	}
	return 0;
}

static int check_variables(const struct job_spec *spec, struct error *err)
{
	size_t total = 0;

	if (spec->nr_env > JOB_ENV_MAX || spec->nr_secrets > JOB_ENV_MAX)
		return error_set(err, ERROR_USAGE, "more than %d variables for the job",
				 JOB_ENV_MAX);
	for (size_t i = 0; i < spec->nr_env + spec->nr_secrets; i++) {
		bool secret = i >= spec->nr_env;
		const struct job_secret *one = secret ? &spec->secrets[i - spec->nr_env] : NULL;
		const char *name = secret ? one->name : spec->env[i].name;
		size_t len = secret ? one->value.len : strlen(spec->env[i].value);

		if (check_name(spec, i, name, err) < 0)
			return -1;
		if (len > JOB_VALUE_MAX)
			return error_set(err, ERROR_USAGE,
					 "the value of '%s' is longer than %zu bytes", name,
					 JOB_VALUE_MAX);
		if (secret && len > 0 && memchr(one->value.data, '\0', len))
			return error_set(err, ERROR_USAGE, "the value of '%s' has a NUL byte in it",
					 name);
		total += strlen(name) + len;
	}
	if (total > JOB_VALUES_MAX)
		return error_set(err, ERROR_USAGE,
				 "the job's variables are more than %zu bytes altogether",
				 JOB_VALUES_MAX);
	return 0;
}

int job_spec_check(const struct job_spec *spec, struct error *err)
{
	if (check_text(spec->command, JOB_COMMAND_MAX, "command", err) < 0 ||
	    (spec->setup && check_text(spec->setup, JOB_COMMAND_MAX, "set-up command", err) < 0) ||
	    (spec->folder && check_text(spec->folder, JOB_PATH_MAX, "folder", err) < 0) ||
	    (spec->out_dir && check_text(spec->out_dir, JOB_PATH_MAX, "local folder", err) < 0))
		return -1;
	if (spec->nr_outputs > JOB_OUTPUTS_MAX)
		return error_set(err, ERROR_USAGE, "more than %d outputs of the job",
				 JOB_OUTPUTS_MAX);
	for (size_t i = 0; i < spec->nr_outputs; i++)
		if (check_text(spec->outputs[i], JOB_PATH_MAX, "output", err) < 0)
			return -1;
	if (spec->linger_s < 0 || spec->linger_s > JOB_LINGER_MAX)
		return error_set(err, ERROR_USAGE, "the time after the job must be 0 to 366 days");
	return check_variables(spec, err);
}

static void put_string(struct buf *out, const char *s)
{
	buf_addch(out, '"');
	for (; *s; s++) {
		switch (*s) {
		case '"':
		case '\\':
			buf_addf(out, "\\%c", *s);
			break;
		case '\n':
			buf_addstr(out, "\\n");
			break;
		case '\r':
			buf_addstr(out, "\\r");
			break;
		case '\t':
			buf_addstr(out, "\\t");
			break;
		default:
			buf_addch(out, *s);
		}
	}
	buf_addch(out, '"');
}

static void put_member(struct buf *out, const char *name, const char *value)
{
	if (!value)
		return;
	buf_addf(out, ",\n\"%s\": ", name);
	put_string(out, value);
}

void job_json_write(const struct job_spec *spec, struct buf *out)
{
	buf_addf(out, "{\"version\": %d", VERSION);
	put_member(out, "command", spec->command);
	put_member(out, "setup", spec->setup);
	put_member(out, "folder", spec->folder);
	put_member(out, "out_dir", spec->out_dir);
	buf_addstr(out, ",\n\"outputs\": [");
	for (size_t i = 0; i < spec->nr_outputs; i++) {
		buf_addstr(out, i ? ", " : "");
		put_string(out, spec->outputs[i]);
	}
	buf_addstr(out, "],\n\"env\": [");
	for (size_t i = 0; i < spec->nr_env; i++) {
		buf_addstr(out, i ? ", " : "");
		put_string(out, spec->env[i].name);
	}
	buf_addstr(out, "],\n\"secrets\": [");
	for (size_t i = 0; i < spec->nr_secrets; i++) {
		buf_addstr(out, i ? ", " : "");
		put_string(out, spec->secrets[i].name);
	}
	buf_addstr(out, "]}\n");
}

static int read_outputs(const struct cJSON *root, struct job *job, struct error *err)
{
	const struct cJSON *outputs;
	const char **v;

	if (json_array(root, "outputs", &outputs, err) < 0)
		return -1;
	size_t nr = json_len(outputs);
	if (nr > JOB_OUTPUTS_MAX)
		return error_set(err, ERROR_PROTOCOL, "field 'outputs': more than %d",
				 JOB_OUTPUTS_MAX);
	v = arena_alloc(&job->arena, (nr + 1) * sizeof(*v));
	for (size_t i = 0; i < nr; i++) {
		const char *text;

		if (json_string(json_at(outputs, i), "", JOB_PATH_MAX, &text, err) < 0)
			return error_prefix(err, "field 'outputs'");
		v[i] = arena_strdup(&job->arena, text);
	}
	job->spec.outputs = v;
	job->spec.nr_outputs = nr;
	return 0;
}

int job_json_read(const char *text, size_t len, struct job *job, struct error *err)
{
	struct job_spec *spec = &job->spec;
	struct json json;
	int64_t version;

	if (json_parse(text, len, "job.json", &json, err) < 0)
		return -1;
	int rc = json_int64(json.root, "version", VERSION, VERSION, &version, err) ||
				 json_string(json.root, "command", JOB_COMMAND_MAX, &spec->command,
					     err) ||
				 json_string_opt(json.root, "setup", JOB_COMMAND_MAX, &spec->setup,
						 err) ||
				 json_string_opt(json.root, "folder", JOB_PATH_MAX, &spec->folder,
						 err) ||
				 json_string_opt(json.root, "out_dir", JOB_PATH_MAX, &spec->out_dir,
						 err) ||
				 read_outputs(json.root, job, err)
			 ? -1
			 : 0;
	if (rc == 0) {
		spec->command = arena_strdup(&job->arena, spec->command);
		spec->setup = arena_strdup(&job->arena, spec->setup);
		spec->folder = arena_strdup(&job->arena, spec->folder);
		spec->out_dir = arena_strdup(&job->arena, spec->out_dir);
	} else {
		error_prefix(err, "job.json");
	}
	json_release(&json);
	return rc;
}
