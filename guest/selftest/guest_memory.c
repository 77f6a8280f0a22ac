/* SPDX-License-Identifier: MIT */
/*
 * The memory that the guest runs in, where the VMM lets it be changed (vmm/memory_control.h): the
 * dirty log names the pages that were written to and no other, and memory that is made read-only,
 * removed and brought back while the guest runs behaves so.
 */
#include "guest/selftest.h"
#include "vmm/memory_control.h"

#define PAGES      128
#define WORDS      (PAGES / 64)
#define PAGE       ((uint64_t)MEMORY_CONTROL_PAGE)
#define ONES       (~UINT64_C(0))
#define READ_WRITE (MEMORY_READ | MEMORY_WRITE)

/* The image lies in one piece of RAM. */
static struct memory_request request __attribute__((aligned(64)));
static uint64_t bitmap[WORDS];
static uint64_t last_round;

static volatile uint64_t *control(void)
{
	return (volatile uint64_t *)(uintptr_t)(arch_layout.device_base + kernel.memory_control);
}

static int32_t ask_at(phys_addr place)
{
	request.answer = MEMORY_PENDING;
	__asm__ volatile("" : : : "memory");
	*control() = place;
	__asm__ volatile("" : : : "memory");
	return request.answer;
}

static int32_t ask(struct memory_request asked)
{
	request = asked;
	return ask_at(image_phys(&request));
}

int32_t memory_set(phys_addr address, uint64_t size, uint64_t access)
{
	return ask((struct memory_request){
		.operation = MEMORY_SET, .address = address, .size = size, .access = access });
}

static int32_t end_round(phys_addr address)
{
	bitmap[0] = bitmap[1] = ~UINT64_C(0);
	return ask((struct memory_request){ .operation = MEMORY_ROUND,
					    .address = address,
					    .size = PAGES * PAGE,
					    .bitmap = image_phys(bitmap) });
}

static void expect_set(const char *what, phys_addr address, uint64_t size, uint64_t access)
{
	expect_equal(what, (uint64_t)memory_set(address, size, access), MEMORY_DONE);
}

bool memory_control_possible(void)
{
	if (kernel.memory_control != 0 && *control() == MEMORY_CONTROL_SIGNATURE)
		return true;
	check_skip("the VMM has no memory control (--memory-control)");
	return false;
}

static bool log_possible(phys_addr address)
{
	if (end_round(address) == MEMORY_DONE) {
		last_round = request.round;
		return true;
	}
	if (expect_equal("the answer to a round", (uint64_t)request.answer, MEMORY_NO_LOG))
		check_skip("the VMM keeps no dirty log (--dirty-log)");
	return false;
}

/* PAGES pages of RAM for a check: frames of the kernel's can be of any size. */
static struct frame pages_take(void)
{
	struct frame frame = test_frame(PAGES * PAGE);

	for (uint64_t i = 0; i < PAGES * PAGE / sizeof(uint64_t); i++)
		((volatile uint64_t *)(void *)frame_bytes(frame))[i] = i * 0x0123456789abcdef;
	return frame;
}

static volatile uint64_t *word_of(struct frame frame, unsigned int page)
{
	return (volatile uint64_t *)(void *)(frame_bytes(frame) + page * PAGE + 64);
}

static uint64_t content_of(unsigned int page)
{
	return (page * PAGE + 64) / sizeof(uint64_t) * 0x0123456789abcdef;
}

static void expect_round(const char *what, struct frame frame, const uint64_t expected[WORDS])
{
	uint64_t count = 0;

	for (unsigned int i = 0; i < PAGES; i++)
		count += expected[i / 64] >> i % 64 & 1;
	if (!expect_equal(what, (uint64_t)end_round(frame.start), MEMORY_DONE))
		return;
	for (unsigned int i = 0; i < WORDS; i++)
		expect_equal(what, bitmap[i], expected[i]);
	expect_equal("the number of pages", request.result, count);
	expect_equal("the number of the round", request.round, ++last_round);
}

static void check_rounds(const struct check *check)
{
	/* First and last; some; none; all; one in the middle of none. */
	static const uint64_t rounds[][WORDS] = {
		{ 1, UINT64_C(1) << 63 },
		{ 0x9249249249249249, 0x4924924924924924 },
		{ 0, 0 },
		{ ONES, ONES },
		{ UINT64_C(1) << 63, 0 },
		{ 0, 1 },
	};
	struct frame frame;

	(void)check;
	if (!memory_control_possible())
		return;
	frame = pages_take();
	if (log_possible(frame.start)) {
		for (unsigned int i = 0; i < sizeof(rounds) / sizeof(rounds[0]); i++) {
			for (unsigned int page = 0; page < PAGES; page++) {
				volatile uint64_t *word = word_of(frame, page);

				if (rounds[i][page / 64] >> page % 64 & 1)
					*word = i;
				else
					(void)*word;
			}
			expect_round("the pages that were written to", frame, rounds[i]);
		}
	}
	test_frame_free(frame);
}

/* What is written counts in its round, whatever becomes of the page before the end of that. */
static void check_kept(const struct check *check)
{
	static const uint64_t written[WORDS] = { 0xf0, 0 }, none[WORDS] = { 0, 0 };
	struct frame frame;

	(void)check;
	if (!memory_control_possible())
		return;
	frame = pages_take();
	if (log_possible(frame.start)) {
		for (unsigned int page = 4; page < 8; page++)
			*word_of(frame, page) = page;
		expect_set("read-only", frame.start, 6 * PAGE, MEMORY_READ);
		expect_set("removed", frame.start + 6 * PAGE, 2 * PAGE, MEMORY_NONE);
		expect_set("one brought back", frame.start + 7 * PAGE, PAGE, READ_WRITE);
		expect_round("pages that changed after they were written to", frame, written);
		expect_set("all brought back", frame.start, 8 * PAGE, READ_WRITE);
		expect_round("pages brought back and not written to", frame, none);
	}
	test_frame_free(frame);
}

/* Page `page` has the content that it had, and can be written to. */
static void expect_writable(const char *what, struct frame frame, unsigned int page)
{
	volatile uint64_t *word = word_of(frame, page);

	expect_equal(what, *word, content_of(page));
	*word = ~content_of(page);
	expect_equal(what, *word, ~content_of(page));
	*word = content_of(page);
}

static void check_read_only(const struct check *check)
{
	struct frame frame;

	(void)check;
	if (!memory_control_possible())
		return;
	frame = pages_take();
	expect_set("read-only", frame.start + 2 * PAGE, 3 * PAGE, MEMORY_READ);
	expect_writable("the page below", frame, 1);
	expect_writable("the page above", frame, 5);
	for (unsigned int page = 2; page < 5; page++) {
		*word_of(frame, page) = 1;
		expect_equal("a page that is read-only", *word_of(frame, page), content_of(page));
	}
	expect_set("one page read-write", frame.start + 3 * PAGE, PAGE, READ_WRITE);
	*word_of(frame, 2) = 1;
	expect_equal("the page that is still read-only", *word_of(frame, 2), content_of(2));
	expect_writable("the page that is not", frame, 3);
	expect_set("all read-write", frame.start, PAGES * PAGE, READ_WRITE);
	for (unsigned int page = 0; page < PAGES; page++)
		expect_writable("a page after all", frame, page);
	test_frame_free(frame);
}

static void check_removed(const struct check *check)
{
	struct frame frame;

	(void)check;
	if (!memory_control_possible())
		return;
	frame = pages_take();
	expect_set("removed", frame.start + 8 * PAGE, 4 * PAGE, MEMORY_NONE);
	expect_set("removed again", frame.start + 9 * PAGE, PAGE, MEMORY_NONE);
	for (unsigned int page = 8; page < 12; page++) {
		expect_equal("what is read where nothing is", *word_of(frame, page), ONES);
		*word_of(frame, page) = 1;
		expect_equal("what is read after a write there", *word_of(frame, page), ONES);
	}
	expect_writable("the page below", frame, 7);
	expect_writable("the page above", frame, 12);
	expect_set("brought back read-only", frame.start + 8 * PAGE, PAGE, MEMORY_READ);
	expect_equal("its content", *word_of(frame, 8), content_of(8));
	expect_equal("the next page", *word_of(frame, 9), ONES);
	expect_set("brought back", frame.start + 8 * PAGE, 4 * PAGE, READ_WRITE);
	for (unsigned int page = 0; page < PAGES; page++)
		expect_writable("a page after all", frame, page);
	test_frame_free(frame);
}

static void check_refused(const struct check *check)
{
	static const struct {
		const char *what;
		struct memory_request request;
		int32_t answer;
	} bad[] = {
		{ "operation 0", { .size = PAGE }, MEMORY_UNKNOWN },
		{ "operation 3", { .operation = 3, .size = PAGE }, MEMORY_UNKNOWN },
		{ "a reserved field",
		  { .operation = MEMORY_SET, .size = PAGE, .reserved = 1 },
		  MEMORY_UNKNOWN },
		{ "write without read",
		  { .operation = MEMORY_SET, .size = PAGE, .access = MEMORY_WRITE },
		  MEMORY_UNKNOWN },
		{ "access 4",
		  { .operation = MEMORY_SET, .size = PAGE, .access = 4 },
		  MEMORY_UNKNOWN },
		{ "size 0", { .operation = MEMORY_SET }, MEMORY_BAD_RANGE },
		{ "half a page", { .operation = MEMORY_SET, .size = PAGE / 2 }, MEMORY_BAD_RANGE },
		{ "from half a page on",
		  { .operation = MEMORY_SET, .address = PAGE / 2, .size = PAGE },
		  MEMORY_BAD_RANGE },
		{ "past the end of addresses",
		  { .operation = MEMORY_SET, .address = 0 - PAGE, .size = 2 * PAGE },
		  MEMORY_BAD_RANGE },
		{ "all that there is",
		  { .operation = MEMORY_SET, .size = 0 - PAGE },
		  MEMORY_BAD_RANGE },
		{ "beyond RAM",
		  { .operation = MEMORY_SET, .address = UINT64_C(1) << 39, .size = PAGE },
		  MEMORY_NOT_THERE },
	};
	phys_addr here;

	(void)check;
	if (!memory_control_possible())
		return;
	here = addr_align_down(image_phys(&request), PAGE);
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		expect_equal(bad[i].what, (uint64_t)ask(bad[i].request), (uint64_t)bad[i].answer);
	expect_equal("the register's page",
		     (uint64_t)memory_set(kernel.memory_control, PAGE, MEMORY_READ),
		     MEMORY_NOT_THERE);
	expect_equal("the request's page", (uint64_t)memory_set(here, PAGE, MEMORY_NONE),
		     MEMORY_IN_USE);
	/* Where no request can be nothing is answered. */
	expect_equal("an address not aligned", (uint64_t)ask_at(image_phys(&request) + 8),
		     (uint64_t)MEMORY_PENDING);
	expect_equal("an address where no memory is", (uint64_t)ask_at(kernel.memory_control),
		     (uint64_t)MEMORY_PENDING);
	expect_equal("an address beyond all", (uint64_t)ask_at(0 - (phys_addr)64),
		     (uint64_t)MEMORY_PENDING);
}

static phys_addr ram_end(void)
{
	return kernel.memory.ram[kernel.memory.ram_count - 1].end;
}

static void check_bad_rounds(const struct check *check)
{
	static const struct {
		const char *what;
		struct memory_request request;
		int32_t answer;
	} bad[] = {
		{ "an empty range", { .operation = MEMORY_ROUND }, MEMORY_BAD_RANGE },
		{ "half a page",
		  { .operation = MEMORY_ROUND, .size = PAGE / 2 },
		  MEMORY_BAD_RANGE },
		{ "a bitmap not aligned",
		  { .operation = MEMORY_ROUND, .size = PAGE, .bitmap = 4 },
		  MEMORY_BAD_BITMAP },
		{ "a bitmap beyond RAM",
		  { .operation = MEMORY_ROUND, .size = PAGE, .bitmap = UINT64_C(1) << 39 },
		  MEMORY_BAD_BITMAP },
	};
	static const uint64_t written[WORDS] = { 1, 0 };
	struct frame frame;

	(void)check;
	if (!memory_control_possible())
		return;
	frame = pages_take();
	if (log_possible(frame.start)) {
		*word_of(frame, 0) = 1;
		for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
			expect_equal(bad[i].what, (uint64_t)ask(bad[i].request),
				     (uint64_t)bad[i].answer);
		expect_equal("a bitmap that goes on where RAM ends",
			     (uint64_t)ask((struct memory_request){ .operation = MEMORY_ROUND,
								    .size = 65 * PAGE,
								    .bitmap = ram_end() - 8 }),
			     MEMORY_BAD_BITMAP);
		expect_round("a round that bad requests did not end", frame, written);
	}
	test_frame_free(frame);
}

/* clang-format off */
static const struct check checks[] = {
	{ .name = "guest memory: the dirty log has the pages that are written to", .run = check_rounds },
	{ .name = "guest memory: dirty pages stay so when they change", .run = check_kept },
	{ .name = "guest memory: bad rounds are refused", .run = check_bad_rounds },
	{ .name = "guest memory: read-only, writes are dropped", .run = check_read_only },
	{ .name = "guest memory: removed, and brought back as it was", .run = check_removed },
	{ .name = "guest memory: bad requests are refused", .run = check_refused },
};
/* clang-format on */
const struct check_list guest_memory_checks = CHECK_LIST(checks);
