/* SPDX-License-Identifier: MIT */
/* The page of the image's text that user code may run, at its own address. */
#include "guest/userland.h"

#include "guest/kernel.h"
#include "guest/selftest.h"

void userland_start(void)
{
	struct page_flags flags = { .read = 1, .execute = 1, .user = 1 };
	uint64_t size = (uint64_t)(image_text_end - image_user_start);
	enum paging_status status;

	if (kernel.mmu.no_user)
		return;
	status = kernel_map(userland_address(image_user_start), image_phys(image_user_start), size,
			    flags, 0);
	if (status != PAGING_OK)
		panic("cannot map the user code: %s", paging_status_text(status));
}

virt_addr userland_address(const void *text)
{
	return arch_layout.test_base + TEST_USER_CODE +
	       (virt_addr)((const char *)text - image_user_start);
}
