module hoopbench

go 1.23
