.PHONY: extra
extra more:
	@echo extra
PREFIXED = pre-fixed
$(PREFIXED): extra
	@true
