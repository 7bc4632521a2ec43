# SPDX-License-Identifier: Apache-2.0
"""Disks, addresses, interfaces, snapshots and images of the simulator, as aws-cli and boto3 see them."""
from conftest import wait_until
from sim_tools import code_of, run_one, state_of

TAGS = [{"Key": "gpucloud-launch", "Value": "l1"}, {"Key": "gpucloud-owner", "Value": "tester"}]
BY_TAG = [{"Name": "tag-key", "Values": ["gpucloud-launch"]}]


def tagged(kind):
    return [{"ResourceType": kind, "Tags": TAGS}]


def test_boto3_all_kinds(sim):
    ec2 = sim.boto("ec2")
    volume = ec2.create_volume(AvailabilityZone="us-east-1a", Size=100, VolumeType="gp3",
                               TagSpecifications=tagged("volume"))["VolumeId"]
    ec2.get_waiter("volume_available").wait(VolumeIds=[volume], WaiterConfig={"Delay": 1})
    snapshot = ec2.create_snapshot(VolumeId=volume, Description="kept",
                                   TagSpecifications=tagged("snapshot"))["SnapshotId"]
    ec2.get_waiter("snapshot_completed").wait(SnapshotIds=[snapshot], WaiterConfig={"Delay": 1})
    address = ec2.allocate_address(Domain="vpc", TagSpecifications=tagged("elastic-ip"))
    subnet = ec2.describe_subnets()["Subnets"][0]["SubnetId"]
    interface = ec2.create_network_interface(
        SubnetId=subnet, Description="spare",
        TagSpecifications=tagged("network-interface"))["NetworkInterface"]
    assert interface["Status"] == "available"

    assert [v["Size"] for v in ec2.describe_volumes(Filters=BY_TAG)["Volumes"]] == [100]
    assert [s["SnapshotId"] for s in ec2.describe_snapshots(
        OwnerIds=["self"], Filters=BY_TAG)["Snapshots"]] == [snapshot]
    assert [a["PublicIp"] for a in ec2.describe_addresses(Filters=BY_TAG)["Addresses"]] == \
        [address["PublicIp"]]
    assert [i["NetworkInterfaceId"] for i in ec2.describe_network_interfaces(
        Filters=BY_TAG)["NetworkInterfaces"]] == [interface["NetworkInterfaceId"]]
    # what bills is in the ledger
    rates = {r["kind"]: r["usd_per_hour"] for kind in ("volume", "snapshot", "elastic-ip")
             for r in sim.live(kind)}
    assert float(rates["volume"]) == float("0.010958")
    assert float(rates["snapshot"]) == float("0.006849")
    assert float(rates["elastic-ip"]) == float("0.005")

    ec2.associate_address(AllocationId=address["AllocationId"],
                          NetworkInterfaceId=interface["NetworkInterfaceId"])
    assert code_of(ec2.release_address, AllocationId=address["AllocationId"]) == \
        "InvalidIPAddress.InUse"
    association = ec2.describe_addresses()["Addresses"][0]["AssociationId"]
    ec2.disassociate_address(AssociationId=association)
    ec2.release_address(AllocationId=address["AllocationId"])
    ec2.delete_network_interface(NetworkInterfaceId=interface["NetworkInterfaceId"])
    ec2.delete_snapshot(SnapshotId=snapshot)
    ec2.delete_volume(VolumeId=volume)
    ec2.get_waiter("volume_deleted").wait(VolumeIds=[volume], WaiterConfig={"Delay": 1})
    assert not any(sim.live(kind) for kind in ("volume", "snapshot", "elastic-ip",
                                               "network-interface"))


def test_images(sim):
    ec2 = sim.boto("ec2")
    instance = run_one(sim, spot=False)["InstanceId"]
    wait_until(lambda: state_of(sim, instance) == "running", "the instance to run")
    image = ec2.create_image(InstanceId=instance, Name="prepared", NoReboot=True,
                             TagSpecifications=tagged("image") + tagged("snapshot"))["ImageId"]
    ec2.get_waiter("image_available").wait(ImageIds=[image], WaiterConfig={"Delay": 1})
    (seen,) = ec2.describe_images(Owners=["self"], Filters=BY_TAG)["Images"]
    snapshot = seen["BlockDeviceMappings"][0]["Ebs"]["SnapshotId"]
    assert seen["Name"] == "prepared" and seen["Public"] is False
    assert code_of(ec2.delete_snapshot, SnapshotId=snapshot) == "InvalidSnapshot.InUse"
    ec2.deregister_image(ImageId=image)
    assert ec2.describe_images(Owners=["self"])["Images"] == []
    assert [s["id"] for s in sim.live("snapshot")] == [snapshot]
    ec2.delete_snapshot(SnapshotId=snapshot)


def test_pages(sim):
    ec2 = sim.boto("ec2")
    made = {ec2.create_volume(AvailabilityZone="us-east-1a", Size=1,
                              TagSpecifications=tagged("volume"))["VolumeId"] for _ in range(12)}
    pages = list(ec2.get_paginator("describe_volumes").paginate(
        Filters=BY_TAG, PaginationConfig={"PageSize": 5}))
    assert [len(p["Volumes"]) for p in pages] == [5, 5, 2]
    assert {v["VolumeId"] for p in pages for v in p["Volumes"]} == made


def test_aws_cli(sim):
    spec = "ResourceType=volume,Tags=[{Key=gpucloud-launch,Value=l1}]"
    volume = sim.aws("ec2", "create-volume", "--availability-zone", "us-east-1b", "--size", "8",
                     "--tag-specifications", spec)["VolumeId"]
    listed = sim.aws("ec2", "describe-volumes", "--filters", "Name=tag-key,Values=gpucloud-launch")
    assert [v["VolumeId"] for v in listed["Volumes"]] == [volume]
    address = sim.aws("ec2", "allocate-address")["AllocationId"]
    assert len(sim.aws("ec2", "describe-addresses")["Addresses"]) == 1
    sim.aws("ec2", "release-address", "--allocation-id", address)
    wait_until(lambda: sim.aws("ec2", "describe-volumes")["Volumes"][0]["State"] == "available",
               "the disk")
    sim.aws("ec2", "delete-volume", "--volume-id", volume)
    refused = sim.aws("ec2", "delete-volume", "--volume-id", volume, check=False)
    assert "InvalidVolume.NotFound" in refused.stderr
    assert not sim.live("volume")


def test_stop_and_start(sim):
    ec2 = sim.boto("ec2")
    instance = run_one(sim, spot=False)["InstanceId"]
    wait_until(lambda: state_of(sim, instance) == "running", "the instance to run")
    rate = float(sim.live("instance")[0]["usd_per_hour"])
    assert rate > 0
    ec2.stop_instances(InstanceIds=[instance])
    ec2.get_waiter("instance_stopped").wait(InstanceIds=[instance], WaiterConfig={"Delay": 1})
    assert float(sim.live("instance")[0]["usd_per_hour"]) == 0
    assert float(sim.live("volume")[0]["usd_per_hour"]) > 0
    ec2.start_instances(InstanceIds=[instance])
    ec2.get_waiter("instance_running").wait(InstanceIds=[instance], WaiterConfig={"Delay": 1})
    assert float(sim.live("instance")[0]["usd_per_hour"]) == rate
    spot = run_one(sim)["InstanceId"]
    assert code_of(ec2.stop_instances, InstanceIds=[spot]) == "UnsupportedOperation"
