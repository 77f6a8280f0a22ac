/* SPDX-License-Identifier: MIT */
/* The self-test's framework: TAP, and expectations. */
#include "guest/check.h"

#include "guest/kernel.h"
#include "guest/print.h"
#include "guest/text.h"

/* Of the check that runs. */
static struct {
	unsigned int complaints;
	const char *skip;
} now;

#define COMPLAINTS_MAX 6 /* printed for one check; a broken table fails in dozens of places */

#define NAME_SIZE 96

static void format_name(char name[NAME_SIZE], const struct check *check)
{
	char size[8];
	size_t length = 0;

	format_size(size, sizeof(size), arch_leaf_size(check->rank));
	for (const char *c = check->name; *c != '\0' && length < NAME_SIZE - sizeof(size); c++) {
		if (*c == '@')
			length += format_text(name + length, sizeof(size), "%s", size);
		else
			name[length++] = *c;
	}
	name[length] = '\0';
}

/* A check as it runs: with the size of its leaf, and its name in full. */
static void resolve(struct check *check, char name[NAME_SIZE])
{
	format_name(name, check);
	check->name = name;
	check->leaf = arch_leaf_size(check->rank);
}

static const struct check_list *const *used;
static size_t used_count;

void checks_use(const struct check_list *const lists[], size_t count)
{
	used = lists;
	used_count = count;
}

static size_t select(const char *prefix, size_t *total, void (*run)(const struct check *, size_t))
{
	size_t selected = 0;
	char name[NAME_SIZE];

	*total = 0;
	for (size_t i = 0; i < used_count; i++) {
		for (size_t j = 0; j < used[i]->count; j++) {
			struct check check = used[i]->checks[j];

			++*total;
			resolve(&check, name);
			if (!text_starts(check.name, prefix))
				continue;
			selected++;
			if (run)
				run(&check, selected);
		}
	}
	return selected;
}

void checks_plan(const char *prefix)
{
	size_t total;
	size_t selected = select(prefix, &total, NULL);

	if (selected == 0)
		panic("test=%s: none of the %zu checks has a name that begins so", prefix, total);
	print("TAP version 13\n1..%zu\n", selected);
	if (selected != total)
		print("# test=%s selects %zu of %zu checks\n", prefix, selected, total);
}

static size_t failed;

static void run_one(const struct check *check, size_t number)
{
	now.complaints = 0;
	now.skip = NULL;
	check->run(check);
	if (now.complaints > COMPLAINTS_MAX)
		print("#   and %u more\n", now.complaints - COMPLAINTS_MAX);
	if (now.complaints != 0)
		failed++;
	print("%sok %zu - %s", now.complaints != 0 ? "not " : "", number, check->name);
	if (now.skip && now.complaints == 0)
		print(" # SKIP %s", now.skip);
	print("\n");
}

size_t checks_run(const char *prefix)
{
	size_t total;

	failed = 0;
	select(prefix, &total, run_one);
	return failed;
}

void check_skip(const char *reason)
{
	now.skip = reason;
}

/* Counts a failed expectation; whether it is to be printed. */
static bool complain(void)
{
	return ++now.complaints <= COMPLAINTS_MAX;
}

void check_fail(const char *what)
{
	if (complain())
		print("#   %s\n", what);
}

bool expect_true(const char *what, bool actual)
{
	if (!actual && complain())
		print("#   not so: %s\n", what);
	return actual;
}

bool expect_equal(const char *what, uint64_t actual, uint64_t expected)
{
	if (actual != expected && complain())
		print("#   %s: expected 0x%lx, got 0x%lx\n", what, expected, actual);
	return actual == expected;
}

void expect_entry(const char *what, volatile uint64_t *entry, uint64_t mask, uint64_t good)
{
	expect_equal(what, *entry & mask, good);
	*entry = (*entry & ~mask) | good;
}

bool expect_status(const char *what, enum paging_status actual, enum paging_status expected)
{
	if (actual != expected && complain())
		print("#   %s: expected \"%s\", got \"%s\"\n", what, paging_status_text(expected),
		      paging_status_text(actual));
	return actual == expected;
}

static void print_verdict(const char *before, const struct probe_result *verdict)
{
	if (verdict->faulted)
		print("%sexception %u, code 0x%lx, address 0x%lx", before, verdict->vector,
		      verdict->code, verdict->address);
	else
		print("%sno fault", before);
}

bool expect_verdict(const char *what, struct probe_result actual, struct probe_result expected)
{
	bool equal = probe_result_equal(&actual, &expected);

	if (!equal && complain()) {
		print("#   %s: ", what);
		print_verdict("expected ", &expected);
		print_verdict(", got ", &actual);
		print("\n");
	}
	return equal;
}

static const char *const access_names[2][3] = {
	{ "supervisor read", "supervisor write", "supervisor fetch" },
	{ "user read", "user write", "user fetch" },
};

static void expect_access(const char *what, virt_addr address, enum probe_access access, bool user,
			  const struct page_flags *asked, const struct page_mapping *predicted)
{
	struct probe_result actual = probe(access, address, user);
	struct probe_result by_request = probe_expect(asked, access, address, user);
	struct probe_result by_query =
		probe_expect(predicted ? &predicted->flags : NULL, access, address, user);
	char text[96];

	probe_expect_translation(access, address, user, predicted);
	if (probe_result_equal(&actual, &by_request) && probe_result_equal(&actual, &by_query))
		return;
	format_text(text, sizeof(text), "%s, %s, as it was asked for", what,
		    access_names[user][access]);
	expect_verdict(text, actual, by_request);
	format_text(text, sizeof(text), "%s, %s, as query predicts", what,
		    access_names[user][access]);
	expect_verdict(text, actual, by_query);
}

void expect_rights(const char *what, virt_addr address, const struct page_flags *flags)
{
	struct page_mapping m;
	enum paging_status status = kernel_query(address, &m);
	const struct page_mapping *predicted = status == PAGING_OK ? &m : NULL;

	expect_status(what, status, flags ? PAGING_OK : PAGING_NOT_MAPPED);
	for (unsigned int user = 0; user < 2; user++) {
		for (unsigned int access = PROBE_READ; access <= PROBE_FETCH; access++)
			expect_access(what, address, (enum probe_access)access, user != 0, flags,
				      predicted);
	}
}
